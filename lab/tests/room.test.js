import assert from 'node:assert/strict';
import { test } from 'node:test';

import { watchRoom } from '../lib/api/rooms.js';
import { CLOSE_CODES, ROOM_ENDED } from '../lib/generated.js';
import { FAILED_ATTEMPTS, LONGEST_WAIT_MS, Room, WORKED_MS } from '../lib/model/room.js';

const GONE = 1006;

/** A room in a world whose clock the test turns. */
function start(chance = 1) {
  const world = { time: 0, now: () => world.time, chance: () => chance };
  return { room: new Room(world), world };
}

/** A connection that is let in, lasts so long, and breaks. */
function lasting(room, world, ms) {
  room.heard();
  world.time += ms;
  return room.closed(GONE, '');
}

test('waits grow to a few seconds while nobody is there', () => {
  const { room } = start();
  const waits = Array.from({ length: 7 }, () => room.closed(GONE, ''));

  assert.deepEqual(waits, [500, 1000, 2000, 4000, LONGEST_WAIT_MS, LONGEST_WAIT_MS, LONGEST_WAIT_MS]);
});

test('waits grow too where connections are taken and ended at once', () => {
  const { room, world } = start();
  const waits = Array.from({ length: 4 }, () => lasting(room, world, WORKED_MS - 1));

  assert.deepEqual(waits, [500, 1000, 2000, 4000]);
});

test('a connection that has worked is opened again soon, at a moment of its own', () => {
  const waits = [0, 0.5, 1].map((chance) => {
    const { room, world } = start(chance);
    room.closed(GONE, '');
    room.closed(GONE, '');
    return lasting(room, world, WORKED_MS);
  });

  assert.deepEqual(waits, [250, 375, 500]);
});

test('the room is away after some attempts, and here when it says something', () => {
  const { room } = start();
  const seen = [];
  room.changed.connect(() => seen.push(room.standing.kind));
  for (let attempt = 0; attempt < FAILED_ATTEMPTS + 1; attempt += 1) {
    room.closed(CLOSE_CODES.tooSlow.status, '');
  }
  room.heard();

  assert.deepEqual(seen, ['away', 'here']);
});

test('once the server is back, failures of before count no more', () => {
  const { room } = start();
  for (let attempt = 0; attempt < FAILED_ATTEMPTS; attempt += 1) {
    room.closed(GONE, '');
  }
  room.forgive();

  assert.equal(room.standing.kind, 'here');
  assert.equal(room.closed(GONE, ''), 500);
});

test('a room that has ended is never connected to again', () => {
  const reasons = ['{"code":"deleted","reloadable":false}', '{"code":"stale-session","reloadable":true}', 'not JSON'];
  const ended = reasons.map((reason) => {
    const { room } = start();
    return [room.closed(ROOM_ENDED, reason), room.standing];
  });

  assert.deepEqual(ended, [
    [null, { kind: 'ended', isReloadable: false }],
    [null, { kind: 'ended', isReloadable: true }],
    [null, { kind: 'ended', isReloadable: false }],
  ]);
});

test('each socket tells of its first message, and of its end before its owner hears of it', () => {
  const told = [];
  const settings = watchRoom(
    { WebSocket: EventTarget, baseUrl: 'http://here/' },
    { heard: () => told.push('heard'), closed: (status, reason) => told.push([status, reason]) },
  );
  const socket = new settings.WebSocket('ws://here/room');
  socket.addEventListener('close', () => told.push('owner'));
  socket.dispatchEvent(new Event('message'));
  socket.dispatchEvent(new Event('message'));
  socket.dispatchEvent(Object.assign(new Event('close'), { code: ROOM_ENDED, reason: '{}' }));

  assert.deepEqual(told, ['heard', [ROOM_ENDED, '{}'], 'owner']);
  assert.equal(settings.baseUrl, 'http://here/');
});
