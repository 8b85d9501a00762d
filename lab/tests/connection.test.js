import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CLOSE_CODES, ROLES } from '../lib/generated.js';
import { Access } from '../lib/model/access.js';
import { backoff } from '../lib/model/backoff.js';
import { LiveConnection, SESSION_OVER, SILENT_ATTEMPTS } from '../lib/model/connection.js';
import { People } from '../lib/model/people.js';
import { Problems } from '../lib/model/problems.js';

const GONE = 1006;

/** A world whose clock the test turns, with the last attempt's events at hand. */
function start(answer = 'welcome') {
  const access = new Access(ROLES.editor.word);
  const problems = new Problems();
  const people = new People();
  const world = { attempts: 0, probes: 0, waits: [], events: null, next: null };
  new LiveConnection(access, problems, people, {
    open: (events) => {
      world.attempts += 1;
      world.events = events;
    },
    probe: () => {
      world.probes += 1;
      return Promise.resolve(answer);
    },
    later: (next, ms) => {
      world.waits.push(ms);
      world.next = next;
    },
    chance: () => 1,
  }).connect();
  /** The attempt ends, and the next one, if there is one, begins. */
  world.fail = async (status, reason = '') => {
    world.next = null;
    world.events.closed(status, reason);
    await new Promise((resolve) => setImmediate(resolve));
    world.next?.();
  };
  return { access, problems, people, world };
}

const told = (role, reasons = []) => JSON.stringify({ role, reasons });

test('the role and its reasons come from the live channel', () => {
  const { access, world } = start();
  world.events.said(told(ROLES.coOwner.word, ['You are in astro.']));

  assert.equal(access.role, ROLES.coOwner.word);
  assert.deepEqual(access.reasons, ['You are in astro.']);
});

test('what cannot be read changes nothing', () => {
  const { access, world } = start();
  for (const text of ['', 'null', '[]', '{"role": 3}', '{"reasons": ["x"]}']) {
    world.events.said(text);
  }

  assert.equal(access.role, ROLES.editor.word);
});

const UNSAVED = { path: 'birds.md', word: 'not-saved', sentence: 'The disk is full.' };

const standing = (...problems) => JSON.stringify({ problems });

test('problems stand until the server says otherwise', () => {
  const { problems, world } = start();
  world.events.said(told(ROLES.editor.word));
  world.events.said(standing(UNSAVED));
  assert.deepEqual(problems.of('birds.md'), [UNSAVED]);
  assert.deepEqual(problems.of('other.md'), []);

  world.events.said(standing());
  assert.deepEqual(problems.of('birds.md'), []);
});

test('what stood before a break goes unless the server says it again before the role', async () => {
  const { problems, world } = start();
  let changes = 0;
  world.events.said(standing(UNSAVED));
  world.events.said(told(ROLES.editor.word));
  problems.changed.connect(() => {
    changes += 1;
  });

  await world.fail(GONE);
  world.events.said(standing(UNSAVED));
  world.events.said(told(ROLES.editor.word));
  world.events.said(told(ROLES.coOwner.word));
  assert.deepEqual(problems.of('birds.md'), [UNSAVED]);
  assert.equal(changes, 1);

  await world.fail(GONE);
  assert.deepEqual(problems.of('birds.md'), [UNSAVED]);
  world.events.said(told(ROLES.editor.word));
  assert.deepEqual(problems.of('birds.md'), []);
});

test('what is said once is passed on', () => {
  const { problems, world } = start();
  const notices = [];
  problems.told.connect((_, notice) => notices.push(notice));
  const notice = { path: 'birds.md', sentence: 'A version was kept.' };
  world.events.said(JSON.stringify({ notice }));

  assert.deepEqual(notices, [notice]);
});

test('problems and notices that cannot be read are left out', () => {
  const { problems, world } = start();
  const notices = [];
  problems.told.connect((_, notice) => notices.push(notice));
  world.events.said(standing(null, 'x', { path: 'birds.md', sentence: 3, word: 'x' }, UNSAVED));
  world.events.said('{"notice": {"path": "birds.md"}}');
  world.events.said('{"problems": "none"}');

  assert.deepEqual(problems.of('birds.md'), [UNSAVED]);
  assert.deepEqual(notices, []);
});

test('people and acceptances come from the live channel', () => {
  const { people, world } = start();
  const accepted = [];
  people.accepted.connect((_, acceptance) => accepted.push(acceptance));
  const carol = { name: 'carol', username: 'carol', initials: 'C', color: 'red', role: ROLES.viewer.word };
  world.events.said(JSON.stringify({ people: [{ ...carol, is_you: true, documents: ['birds.md'] }] }));
  world.events.said(JSON.stringify({ accepted: { name: 'bob', role: ROLES.editor.word } }));
  world.events.said('{"people": "all", "accepted": "bob"}');

  assert.deepEqual(people.here, [{ ...carol, isYou: true, documents: ['birds.md'] }]);
  assert.deepEqual(accepted, [{ name: 'bob', role: ROLES.editor.word }]);
});

test('access that has ended is told in the words of the close, and nothing is tried again', async () => {
  const { access, world } = start();
  world.events.said(told(ROLES.viewer.word));
  await world.fail(CLOSE_CODES.accessEnded.status, '{"code":"access-ended","message":"Bye."}');

  assert.deepEqual(access.standing, { kind: 'ended', message: 'Bye.' });
  assert.equal(world.attempts, 1);
});

test('an end without words has its own', async () => {
  const { access, world } = start();
  await world.fail(CLOSE_CODES.accessEnded.status, 'not JSON');

  assert.deepEqual(access.standing, { kind: 'ended', message: CLOSE_CODES.accessEnded.message });
});

test('an unreachable service is waited for, and forgotten when it is back', async () => {
  const { access, world } = start('away');
  await world.fail(CLOSE_CODES.serviceUnreachable.status);
  await world.fail(GONE);
  await world.fail(GONE);

  assert.deepEqual(access.standing, { kind: 'away', who: 'service' });

  world.events.said(told(ROLES.editor.word));

  assert.deepEqual(access.standing, { kind: 'here' });
});

test('waits grow up to a limit and start anew after a word', async () => {
  const { world } = start();
  for (let count = 0; count < 8; count += 1) {
    await world.fail(GONE);
  }
  world.events.said(told(ROLES.editor.word));
  await world.fail(GONE);

  assert.deepEqual(world.waits, [500, 1000, 2000, 4000, 8000, 15000, 15000, 15000, 500]);
});

test('waits are spread between half and whole', () => {
  assert.deepEqual([backoff(3, 0), backoff(3, 0.5), backoff(3, 1)], [1000, 1500, 2000]);
});

test('a connection that only broke is opened again without a question', async () => {
  const { access, world } = start('refused');
  world.events.said(told(ROLES.editor.word));
  await world.fail(GONE);

  assert.equal(world.probes, 0);
  assert.deepEqual(access.standing, { kind: 'here' });
});

test('refused handshakes mean an end when the server refuses plain requests too', async () => {
  const { access, world } = start('refused');
  for (let count = 0; count < SILENT_ATTEMPTS; count += 1) {
    await world.fail(GONE);
  }

  assert.deepEqual(access.standing, { kind: 'ended', message: CLOSE_CODES.accessEnded.message });
  assert.equal(world.attempts, SILENT_ATTEMPTS);
});

test('nothing is asked any more once the session is over that access lasted for', async () => {
  const { access, world } = start('over');
  world.events.said(told(ROLES.editor.word));
  for (let attempt = 0; attempt < SILENT_ATTEMPTS; attempt += 1) {
    await world.fail(GONE);
  }

  assert.deepEqual(access.standing, { kind: 'ended', message: SESSION_OVER });
  assert.deepEqual([world.attempts, world.probes, world.next], [SILENT_ATTEMPTS, 1, null]);
});

test('a sign-in that does not count any more is waited for', async () => {
  const { access, world } = start('unknown');
  for (let attempt = 0; attempt < SILENT_ATTEMPTS; attempt += 1) {
    await world.fail(GONE);
  }

  assert.deepEqual(access.standing, { kind: 'away', who: 'sign-in' });
  world.events.said(told(ROLES.editor.word));
  assert.deepEqual(access.standing, { kind: 'here' });
});

test('refused handshakes mean a missing server when nobody answers', async () => {
  const { access, world } = start('away');
  for (let count = 0; count < SILENT_ATTEMPTS; count += 1) {
    await world.fail(GONE);
  }

  assert.deepEqual(access.standing, { kind: 'away', who: 'server' });
  assert.equal(world.attempts, SILENT_ATTEMPTS + 1);
});
