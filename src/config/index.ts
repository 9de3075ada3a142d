/** Configuration: one table of settings, three places to set them. */
export { describeConfigError, encodeItems, loadConfig } from './load.js';
export type { ConfigError, ConfigInput, ConfigResult, OptionItems } from './load.js';
export { settingsHelp, settingsMarkdown } from './describe.js';
export { compileFilters } from './filters.js';
export type { Filters } from './filters.js';
export { packageInfo } from './package-info.js';
export { SETTINGS, SETTING_NAMES, optionOf, variableOf } from './settings.js';
export type { Config, LogLevel, SettingName } from './settings.js';
export { effectiveSpinLimit, readProcessors } from './spin.js';
