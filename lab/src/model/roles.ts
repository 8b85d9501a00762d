import { ROLES } from '../generated.js';

const WRITERS: ReadonlySet<string> = new Set([ROLES.editor.word, ROLES.coOwner.word, ROLES.creator.word]);
const MANAGERS: ReadonlySet<string> = new Set([ROLES.coOwner.word, ROLES.creator.word]);
const TITLES: ReadonlyMap<string, string> = new Map(Object.values(ROLES).map((role) => [role.word, role.title]));

/** Whether the page is shown to read only: for a Viewer, and for a role that nobody told us about. */
export function readsOnly(role: string): boolean {
  return !WRITERS.has(role);
}

/** Whether the role says who else may be here, in a home its owner's alone. */
export function managesAccess(role: string): boolean {
  return MANAGERS.has(role);
}

/** The role as people read it; a role that nobody told us about by its own word. */
export function roleTitle(role: string): string {
  return TITLES.get(role) ?? role;
}
