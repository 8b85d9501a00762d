/** The extension's own commands. */
export const CommandIDs = {
  share: 'coterie:share',
  userSharing: 'coterie:user-sharing',
} as const;
