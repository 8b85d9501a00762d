import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CLOSE_CODES, ROLES } from '../lib/generated.js';
import { Access } from '../lib/model/access.js';
import { readsOnly, roleTitle } from '../lib/model/roles.js';

test('only a Viewer and an unknown role read only', () => {
  const reading = [...Object.values(ROLES).map((role) => role.word), 'emperor', ''].filter(readsOnly);

  assert.deepEqual(reading, [ROLES.viewer.word, 'emperor', '']);
});

test('an unknown role is shown by its own word', () => {
  assert.equal(roleTitle('emperor'), 'emperor');
});

test('a page is stale only when the role crosses the border to the Viewer', () => {
  const stale = (before, after) => {
    const access = new Access(before);
    access.tell(after, []);
    return access.isStale;
  };

  assert.equal(stale(ROLES.viewer.word, ROLES.editor.word), true);
  assert.equal(stale(ROLES.coOwner.word, ROLES.viewer.word), true);
  assert.equal(stale(ROLES.editor.word, ROLES.coOwner.word), false);
});

test('a page that is shown as a Viewer has it stays so, whatever the role becomes', () => {
  const access = new Access(ROLES.creator.word, ROLES.viewer.word);

  assert.deepEqual([access.isView, access.readsOnly, access.role], [true, true, ROLES.viewer.word]);
  access.tell(ROLES.editor.word, ['Editor by name']);
  assert.deepEqual([access.role, access.isStale, access.reasons], [ROLES.viewer.word, false, []]);
  access.end(CLOSE_CODES.accessEnded.message);
  assert.equal(access.standing.kind, 'ended');
});

test('nobody is shown a page as anything but a Viewer, and a Viewer sees their own', () => {
  assert.equal(new Access(ROLES.viewer.word, ROLES.viewer.word).isView, false);
  assert.equal(new Access(ROLES.viewer.word, ROLES.creator.word).readsOnly, true);
  assert.equal(new Access(ROLES.editor.word, ROLES.creator.word).isView, false);
});

test('nothing follows an end', () => {
  const access = new Access(ROLES.editor.word);
  let changes = 0;
  access.changed.connect(() => {
    changes += 1;
  });
  access.end(CLOSE_CODES.accessEnded.message);
  access.tell(ROLES.creator.word, []);
  access.lose('server');
  access.end('again');

  assert.deepEqual(access.standing, { kind: 'ended', message: CLOSE_CODES.accessEnded.message });
  assert.equal(access.role, ROLES.editor.word);
  assert.equal(changes, 1);
});
