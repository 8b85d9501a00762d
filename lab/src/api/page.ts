import { PageConfig } from '@jupyterlab/coreutils';

/** What the server wrote into the page about the workspace and the person. All of it is for show; the server decides. */
export interface IPageFacts {
  /** The workspace's id, or `~name` for a home. */
  readonly workspace: string;
  readonly name: string;
  /** The person's role as the API writes it. */
  readonly role: string;
  /** The service's address for browsers: the person's workspaces. */
  readonly serviceUrl: string;
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
  return {
    workspace,
    name: PageConfig.getOption('coterieWorkspaceName') || workspace,
    role,
    serviceUrl: PageConfig.getOption('coterieServiceUrl'),
    shareUrl: PageConfig.getOption('coterieShareUrl'),
  };
}
