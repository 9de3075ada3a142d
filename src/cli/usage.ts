/** What the commands share: exit codes and where text goes. */

/** Something that was asked for could not be had. */
export const EXIT_FAILURE = 1;
/** Bad option, bad setting, no command. */
export const EXIT_USAGE = 2;

export interface Output {
  /** Results, to stdout. */
  print(text: string): void;
  /** Everything else, to stderr. */
  complain(text: string): void;
}
