import { accepted } from './plugins/accepted.js';
import { access } from './plugins/access.js';
import { connectionLost } from './plugins/connectionLost.js';
import { people } from './plugins/people.js';
import { problems } from './plugins/problems.js';
import { rooms } from './plugins/rooms.js';
import { share } from './plugins/share.js';
import { standing } from './plugins/standing.js';
import { topBar } from './plugins/topBar.js';
import { viewerCommands } from './plugins/viewerCommands.js';
import { viewerDocuments } from './plugins/viewerDocuments.js';
import { viewerStorage } from './plugins/viewerStorage.js';
import { viewerSurface } from './plugins/viewerSurface.js';
import { viewerView } from './plugins/viewerView.js';
import { workspaces } from './plugins/workspaces.js';

export default [
  accepted,
  access,
  connectionLost,
  people,
  problems,
  rooms,
  share,
  standing,
  topBar,
  viewerCommands,
  viewerDocuments,
  viewerStorage,
  viewerSurface,
  viewerView,
  workspaces,
];
