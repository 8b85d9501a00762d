import { PageConfig } from '@jupyterlab/coreutils';

import { ROLES } from '../generated.js';

/** What the server wrote into the page about the workspace and the person. All of it is for show; the server decides. */
export interface IPageFacts {
  /** The workspace's id, or `~name` for a home. */
  readonly workspace: string;
  readonly isHome: boolean;
  /** Whether it is the person's own home. */
  readonly isOwnHome: boolean;
  readonly name: string;
  /** The session of the server that the page was loaded in: its id. */
  readonly session: string;
  /** The person's role as the API writes it. */
  readonly role: string;
  /** The role as whose the page is to be shown, in place of the person's; empty for as it is. */
  readonly view: string;
  /** The service's address for browsers: the person's workspaces. */
  readonly serviceUrl: string;
  /** The own link of the workspace or home, by which one gets in. */
  readonly openUrl: string;
  /** The address of the share window. */
  readonly shareUrl: string;
}

/** Null when the page is not one of a Coterie workspace. */
export function readPage(): IPageFacts | null {
  const role = PageConfig.getOption('coterieRole');
  const workspace = PageConfig.getOption('coterieWorkspace');
  if (!role || !workspace) {
    return null;
  }
  const isHome = workspace.startsWith('~');
  const serviceUrl = PageConfig.getOption('coterieServiceUrl');
  return {
    workspace,
    isHome,
    isOwnHome: isHome && role === ROLES.creator.word,
    name: PageConfig.getOption('coterieWorkspaceName') || workspace,
    session: PageConfig.getOption('coterieSession'),
    role,
    view: PageConfig.getOption('coterieView'),
    serviceUrl,
    openUrl: `${serviceUrl}w/${encodeURIComponent(workspace)}`,
    shareUrl: PageConfig.getOption('coterieShareUrl'),
  };
}

/** The address of the frame that lists the person's workspaces. */
export function sidebarUrl(page: IPageFacts, isDark: boolean): string {
  const query = new URLSearchParams({ theme: isDark ? 'dark' : 'light', here: page.workspace });
  return `${page.serviceUrl}sidebar?${query.toString()}`;
}
