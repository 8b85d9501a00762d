// One person's front end without its windows: JupyterLab's shared models on the provider of y-websocket.
//
// node client.mjs '{"address", "room", "sessionId", "headers", "type"}'
//
// Each line of input is a call, [name, ...arguments]; each is answered by one line, {"answer"} or {"error"}.
import { createInterface } from 'node:readline';

import { YFile, YNotebook } from '@jupyter/ydoc';
import WebSocket from 'ws';
import { WebsocketProvider } from 'y-websocket';

const { address, room, sessionId, headers, type } = JSON.parse(process.argv[2]);

class SocketOfPerson extends WebSocket {
  constructor(url) {
    super(url, { headers });
  }
}

const model = type === 'notebook' ? new YNotebook() : new YFile();
const provider = new WebsocketProvider(address, room, model.ydoc, {
  params: { sessionId },
  awareness: model.awareness,
  WebSocketPolyfill: SocketOfPerson,
  disableBc: true // what clients hear of each other comes from the server
});

let connections = 0;
const closes = [];
const renewals = new Map();
provider.on('status', ({ status }) => (connections += status === 'connected'));
provider.on('connection-close', event => closes.push(event.code));
model.awareness.on('update', ({ updated }) => {
  for (const client of updated) {
    renewals.set(client, (renewals.get(client) ?? 0) + 1);
  }
});

const calls = {
  isSynced: () => provider.synced,
  connections: () => connections,
  closes: () => closes,

  text: () => model.source,
  type: (at, text) => model.updateSource(at, at, text),
  erase: (at, end) => model.updateSource(at, end, ''),

  cells: () => model.cells.map(cell => cell.toJSON()),
  addCell: (index, cell) => void model.insertCell(index, cell),
  typeInCell: (index, at, text) => model.getCell(index).updateSource(at, at, text),
  moveCell: (from, to) => model.moveCell(from, to),
  deleteCell: index => model.deleteCell(index),
  print: (index, text) =>
    model.getCell(index).setOutputs([{ output_type: 'stream', name: 'stdout', text }]),

  undo: () => model.undo(),
  redo: () => model.redo(),

  announce: state => model.awareness.setLocalState(state),
  presence: () =>
    [...model.awareness.getStates()]
      .filter(([client]) => client !== model.ydoc.clientID)
      .map(([, state]) => state),
  renewals: () => Math.max(0, ...[...renewals].filter(([client]) => client !== model.ydoc.clientID).map(([, n]) => n)),

  disconnect: () => provider.disconnect(),
  connect: () => provider.connect()
};

const input = createInterface({ input: process.stdin });
input.on('line', line => {
  const [name, ...values] = JSON.parse(line);
  let said;
  try {
    said = { answer: calls[name](...values) ?? null };
  } catch (error) {
    said = { error: String(error) };
  }
  process.stdout.write(JSON.stringify(said) + '\n');
});
input.on('close', () => process.exit());
