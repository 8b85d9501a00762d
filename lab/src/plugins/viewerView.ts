import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { leaveView } from '../view/leaving.js';
import { ViewNotice } from '../view/viewNotice.js';
import { ICoterie } from './tokens.js';

/** Says that the page is shown as a Viewer has it, and leads back. */
export const viewerView: JupyterFrontEndPlugin<void> = {
  id: '@coterie/lab:viewer-view',
  description: 'Says that the page is shown as a Viewer has it.',
  autoStart: true,
  requires: [ICoterie],
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, coterie: ICoterie | null, translator: ITranslator | null): void => {
    if (!coterie?.access.isView) {
      return;
    }
    const trans = (translator ?? nullTranslator).load('coterie');
    const notice = new ViewNotice({
      text: coterie.page.isHome
        ? trans.__('You see this home as a Viewer has it.')
        : trans.__('You see this workspace as a Viewer has it.'),
      leave: trans.__('Leave'),
      onLeave: leaveView,
    });
    app.shell.add(notice, 'header');
  },
};
