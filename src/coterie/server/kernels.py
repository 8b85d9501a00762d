"""Kernels run in the workspace's own environment, while the server's process runs in the deployment's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import NATIVE_KERNEL_NAME, KernelSpec, KernelSpecManager
from traitlets import Unicode


class WorkspaceKernelSpecs(KernelSpecManager):
    """The Python kernel with the interpreter of ``environment``, so that what people install there is what they
    import."""

    environment = Unicode("", config=True, help="The kernels' virtual environment; empty: the server's own Python.")

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """As installed, the native kernel pointed at the environment."""
        spec: KernelSpec = super().get_kernel_spec(kernel_name)
        if kernel_name == NATIVE_KERNEL_NAME and self.environment:
            folder = Path(self.environment)
            settings: dict[str, Any] = dict(spec.env)
            spec.argv = [str(folder / "bin" / "python"), *spec.argv[1:]]
            spec.env = {**settings, "VIRTUAL_ENV": str(folder), "PATH": f"{folder / 'bin'}:${{PATH}}"}
        return spec
