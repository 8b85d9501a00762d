import assert from 'node:assert/strict';
import { test } from 'node:test';

import { viewerMay } from '../lib/model/viewerCommands.js';

test('a Viewer is offered what reads, finds, opens and leaves', () => {
  for (const command of [
    'docmanager:open',
    'filebrowser:open',
    'documentsearch:start',
    'hub:logout',
    'coterie:share',
  ]) {
    assert.equal(viewerMay(command), true, command);
  }
});

test('a Viewer is not offered what changes, runs, starts or downloads', () => {
  const refused = [
    'console:create',
    'docmanager:delete',
    'docmanager:download',
    'docmanager:rename',
    'docmanager:save',
    'documentsearch:startWithReplace',
    'filebrowser:copy-download-link',
    'filebrowser:create-new-directory',
    'filebrowser:paste',
    'kernelmenu:restart',
    'launcher:create',
    'notebook:enter-edit-mode',
    'notebook:export-to-format',
    'notebook:insert-cell-below',
    'notebook:paste-cell-below',
    'notebook:run-cell',
    'notebook:trust',
    'runmenu:run-all',
    'terminal:create-new',
  ];

  assert.deepEqual(refused.filter(viewerMay), []);
});

test('a command that nobody thought of is refused', () => {
  assert.equal(viewerMay('somebody-elses:explode'), false);
  assert.equal(viewerMay('toString'), false);
});
