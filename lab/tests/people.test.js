import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ROLES } from '../lib/generated.js';
import { People, readAcceptance, readPeople } from '../lib/model/people.js';
import { managesAccess } from '../lib/model/roles.js';

const sent = (name, rest = {}) => ({
  name,
  username: name.toLowerCase(),
  initials: name[0],
  color: 'var(--jp-collaborator-color1)',
  role: ROLES.editor.word,
  is_you: false,
  documents: [],
  ...rest,
});

const names = (people) => people.here.map(({ name }) => name);

test('nobody knows who is here until it is said', () => {
  assert.equal(new People().here, null);
});

test('oneself comes first, and the others by name', () => {
  const people = new People();
  people.gather(readPeople({ people: [sent('carol'), sent('Bob'), sent('dave', { is_you: true }), sent('alice')] }));

  assert.deepEqual(names(people), ['dave', 'alice', 'Bob', 'carol']);
});

test('who is called the same comes by the name in the Hub', () => {
  const people = new People();
  people.gather(readPeople({ people: [sent('Bob', { username: 'rob' }), sent('Bob')] }));

  assert.deepEqual(
    people.here.map(({ username }) => username),
    ['bob', 'rob'],
  );
});

test('who has gone is not there any more', () => {
  const people = new People();
  people.gather(readPeople({ people: [sent('alice'), sent('bob')] }));
  people.gather(readPeople({ people: [sent('bob')] }));

  assert.deepEqual(names(people), ['bob']);
});

test('documents keep their order, each once', () => {
  const [bob] = readPeople({ people: [sent('bob', { documents: ['b.ipynb', 'a/c.txt', 3, '', 'b.ipynb'] })] });

  assert.deepEqual(bob.documents, ['b.ipynb', 'a/c.txt']);
});

test('whoever cannot be read is left out', () => {
  const wrong = [
    null,
    'bob',
    3,
    [],
    {},
    sent('x', { is_you: 1 }),
    sent('x', { username: undefined }),
    sent('x', { documents: 'a' }),
    sent('x', { role: null }),
  ];

  assert.deepEqual(
    readPeople({ people: [...wrong, sent('bob')] }).map(({ name }) => name),
    ['bob'],
  );
});

test('other messages say nothing about people', () => {
  for (const message of [{}, { people: null }, { people: {} }, { people: 'all' }, { role: ROLES.viewer.word }]) {
    assert.equal(readPeople(message), null);
  }
});

test('an acceptance has a name and a role', () => {
  const bob = { name: 'bob', role: ROLES.editor.word };

  assert.deepEqual(readAcceptance({ accepted: { ...bob, more: 1 } }), bob);
  for (const accepted of [undefined, null, 'bob', [], { name: 'bob' }, { name: 3, role: ROLES.editor.word }]) {
    assert.equal(readAcceptance({ accepted }), null);
  }
});

test('those who are Co-owner or more manage access', () => {
  const words = [...Object.values(ROLES).map(({ word }) => word), 'emperor'];

  assert.deepEqual(words.filter(managesAccess), [ROLES.coOwner.word, ROLES.creator.word]);
});
