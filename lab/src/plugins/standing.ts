import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';

import type { IPageFacts } from '../api/page.js';
import type { IAccess } from '../model/access.js';
import { roleTitle } from '../model/roles.js';
import { Banner, type INotice } from '../view/banner.js';
import { reloadPage } from '../view/leaving.js';
import { replacePage } from '../view/overlay.js';
import { ICoterie } from './tokens.js';

/** How long the notice of another role stands before the page is loaded again. */
const NOTICE_MS = 3000;

/** How long it stands where the page fits the new role as it is. */
const NEWS_MS = 8000;

/** Tells the person when access ends, cannot be checked, or has become another role. */
export const standing: JupyterFrontEndPlugin<void> = {
  id: '@coterie/lab:standing',
  description: 'Says when access ends, cannot be checked now, or is another role.',
  autoStart: true,
  requires: [ICoterie],
  optional: [ITranslator],
  activate: (_app: JupyterFrontEnd, coterie: ICoterie | null, translator: ITranslator | null): void => {
    if (!coterie) {
      return;
    }
    const { access, page } = coterie;
    const trans = (translator ?? nullTranslator).load('coterie');
    const banner = new Banner();
    let isLeaving = false;
    let role = access.role;
    let news: INotice | null = null;
    const react = () => {
      if (access.standing.kind === 'ended') {
        replacePage({
          title: page.name,
          message: trans.__(access.standing.message),
          link: { label: trans.__('Go to your workspaces'), href: page.serviceUrl },
        });
        access.changed.disconnect(react);
        news = null;
        return;
      }
      if (access.role !== role) {
        role = access.role;
        const said = { text: trans.__('Your role is now %1.', trans.__(roleTitle(role))) };
        news = said;
        setTimeout(() => {
          if (news === said) {
            news = null;
            react();
          }
        }, NEWS_MS);
      }
      banner.say(notice(access, page, trans) ?? news);
      if (access.isStale && !isLeaving) {
        isLeaving = true;
        setTimeout(() => {
          if (access.standing.kind !== 'ended') {
            reloadPage();
          }
        }, NOTICE_MS);
      }
    };
    access.changed.connect(react);
  },
};

/** The line to show above the page, or null for none. */
function notice(access: IAccess, page: IPageFacts, trans: TranslationBundle): INotice | null {
  if (access.isStale) {
    return {
      text: trans.__('Your role is now %1. The page loads again in a moment.', trans.__(roleTitle(access.role))),
    };
  }
  if (access.standing.kind !== 'away') {
    return null;
  }
  const { who } = access.standing;
  const link = (label: string) => ({ label, href: page.openUrl });
  if (who === 'service') {
    return { text: trans.__("Coterie's service cannot be reached; this page resumes by itself.") };
  }
  if (who === 'sign-in') {
    return {
      text: trans.__('You are not signed in here any more; this page resumes when you are.'),
      link: link(trans.__('Sign in')),
    };
  }
  if (page.isOwnHome) {
    // JupyterHub itself asks whether to start it.
    return {
      text: trans.__(
        "This home's server cannot be reached. If you stopped it, this page resumes once you start it again.",
      ),
    };
  }
  if (page.isHome) {
    // A guest's access ends with the session, and where there is no server nobody tells the page.
    return {
      text: trans.__("This home's server cannot be reached. If its owner stopped it, your access has ended."),
      link: link(trans.__('Try to open it')),
    };
  }
  return {
    text: trans.__("The workspace's server cannot be reached; this page resumes by itself."),
    link: link(trans.__('Start the server')),
  };
}
