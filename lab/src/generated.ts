// Written by tools/generate.py from coterie.policy.roles and coterie.wire.close_codes. Do not edit.

/** The roles, weakest first. */
export const ROLES = {
  viewer: { word: 'viewer', order: 1, title: 'Viewer' },
  editor: { word: 'editor', order: 2, title: 'Editor' },
  coOwner: { word: 'co-owner', order: 3, title: 'Co-owner' },
  creator: { word: 'creator', order: 4, title: 'Creator' },
} as const;

export type RoleWord = (typeof ROLES)[keyof typeof ROLES]['word'];

/** Why a WebSocket of a workspace's server was closed. */
export const CLOSE_CODES = {
  accessEnded: {
    status: 4403,
    word: 'access-ended',
    message: 'Your access has been removed.',
  },
  roleChanged: {
    status: 4409,
    word: 'role-changed',
    message: 'Your role has changed.',
  },
  tooSlow: {
    status: 4429,
    word: 'too-slow',
    message: 'The connection did not keep up.',
  },
  serviceUnreachable: {
    status: 4503,
    word: 'service-unreachable',
    message: 'Access cannot be checked now. It comes back by itself.',
  },
} as const;

/** The status with which a room drops a document for good. */
export const ROOM_ENDED = 1003;
