'use strict';
// A preload before the switch's: another platform.
Object.defineProperty(process, 'platform', { value: 'darwin' });
