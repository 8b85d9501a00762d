/** The extension's own commands. */
export const CommandIDs = {
  share: 'coterie:share',
} as const;
