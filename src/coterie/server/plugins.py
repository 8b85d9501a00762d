"""JupyterLab's plugins that are off in a workspace: what has no server's side here, and what would only offer a
Viewer what the gate refuses. Turning one on again opens nothing; it shows a control that does not work."""

from __future__ import annotations

#: Off for everybody: the stock list of people, which believes what clients say of where they are (``lab`` has one of
#: its own), sharing past Coterie, the timeline and forks of the stock collaboration server, and installing into the
#: deployment.
OFF_FOR_EVERYBODY = (
    "@jupyter/collaboration-extension:rtcPanel",
    "@jupyter/collaboration-extension:shared-link",
    "@jupyter/docprovider-extension:forkManager",
    "@jupyter/docprovider-extension:statusBarTimeline",
    "@jupyterlab/apputils-extension:announcements",
    "@jupyterlab/extensionmanager-extension",
    "@jupyterlab/pluginmanager-extension",
)

#: Off for whoever may not start the server by the Hub's own question whether it should, which is everybody in a
#: workspace and a home's guests; ``lab`` says what is the matter.
OFF_FOR_GUESTS = ("@jupyterlab/hub-extension:connectionlost",)

#: Off for the owner of a home, whom JupyterHub asks itself.
OFF_FOR_OWNERS = ("@coterie/lab:connection-lost",)

#: Off for Viewers besides: kernels, terminals, launching, downloading, and settings that are the workspace's.
OFF_FOR_VIEWERS = (
    "@jupyterlab/application-extension:property-inspector",
    "@jupyterlab/apputils-extension:kernel-status",
    "@jupyterlab/apputils-extension:print",
    "@jupyterlab/apputils-extension:running-sessions-status",
    "@jupyterlab/cell-toolbar-extension",
    "@jupyterlab/celltags-extension",
    "@jupyterlab/completer-extension",
    "@jupyterlab/console-extension",
    "@jupyterlab/debugger-extension",
    "@jupyterlab/docmanager-extension:download",
    "@jupyterlab/docmanager-extension:open-browser-tab",
    "@jupyterlab/docmanager-extension:saving-status",
    "@jupyterlab/filebrowser-extension:create-new-language-file",
    "@jupyterlab/filebrowser-extension:download",
    "@jupyterlab/filebrowser-extension:file-upload-status",
    "@jupyterlab/filebrowser-extension:open-browser-tab",
    "@jupyterlab/filebrowser-extension:open-url",
    "@jupyterlab/fileeditor-extension:completer",
    "@jupyterlab/fileeditor-extension:language-server",
    "@jupyterlab/inspector-extension",
    "@jupyterlab/launcher-extension",
    "@jupyterlab/logconsole-extension",
    "@jupyterlab/lsp-extension",
    "@jupyterlab/metadataform-extension",
    "@jupyterlab/notebook-extension:active-cell-tool",
    "@jupyterlab/notebook-extension:code-console",
    "@jupyterlab/notebook-extension:completer",
    "@jupyterlab/notebook-extension:execution-indicator",
    "@jupyterlab/notebook-extension:export",
    "@jupyterlab/notebook-extension:kernel-status",
    "@jupyterlab/notebook-extension:language-server",
    "@jupyterlab/notebook-extension:log-output",
    "@jupyterlab/notebook-extension:metadata-editor",
    "@jupyterlab/notebook-extension:mode-status",
    "@jupyterlab/notebook-extension:tools",
    "@jupyterlab/notebook-extension:trust-status",
    "@jupyterlab/notebook-extension:update-raw-mimetype",
    "@jupyterlab/running-extension",
    "@jupyterlab/settingeditor-extension",
    "@jupyterlab/terminal-extension",
    "@jupyterlab/tooltip-extension",
    "@jupyterlab/workspaces-extension",
)
