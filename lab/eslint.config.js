import tseslint from 'typescript-eslint';

/** Layers, lowest first. Each may import from those before it, and `generated.ts` is everybody's. */
const LAYERS = ['api', 'model', 'view', 'plugins'];

const NO_TRANSPORT = [
  { name: 'fetch', message: 'Only src/api talks to the server.' },
  { name: 'WebSocket', message: 'Only src/api talks to the server.' },
  { name: 'XMLHttpRequest', message: 'Only src/api talks to the server.' },
];

/** JupyterLab's own packages that stand for a layer: settings of the page and DOM have one place each. */
const FOREIGN = {
  model: ['@jupyterlab/*', '@lumino/widgets', 'react'],
  view: ['@jupyterlab/services', '@jupyterlab/coreutils'],
  plugins: ['@jupyterlab/coreutils'],
};

const layerRules = LAYERS.map((layer, position) => ({
  files: [`src/${layer}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          ...LAYERS.slice(position + 1).map((higher) => ({
            group: [`**/${higher}/**`],
            message: `${layer} comes before ${higher}.`,
          })),
          ...(FOREIGN[layer] ?? []).map((group) => ({ group: [group], message: `Not in ${layer}.` })),
        ],
      },
    ],
    'no-restricted-globals': layer === 'api' ? 'off' : ['error', ...NO_TRANSPORT],
  },
}));

export default tseslint.config(
  { ignores: ['lib/', 'labextension/', 'node_modules/'] },
  ...tseslint.configs.recommended,
  {
    files: ['src/**/*.ts'],
    extends: [tseslint.configs.recommendedTypeCheckedOnly],
    languageOptions: { parserOptions: { projectService: true } },
  },
  {
    rules: {
      'no-console': 'error',
      eqeqeq: 'error',
      'no-restricted-syntax': [
        'error',
        {
          selector: 'Literal[value=/^(viewer|editor|co-owner|creator)$/]',
          message: 'Roles come from src/generated.ts.',
        },
        {
          selector: 'Literal[raw=/^(1003|44\\d\\d|45\\d\\d)$/]',
          message: 'Close codes come from src/generated.ts.',
        },
      ],
    },
  },
  { files: ['src/generated.ts', 'tests/**', 'eslint.config.js'], rules: { 'no-restricted-syntax': 'off' } },
  ...layerRules,
);
