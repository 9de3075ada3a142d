// A module that cannot be loaded synchronously.
import { protocolInfo } from './second.cjs';

const WSPStartupEx = await Promise.resolve(() => 0);
export { protocolInfo, WSPStartupEx };
