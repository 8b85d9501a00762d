"""Where the service is, next to the Hub."""

from __future__ import annotations

import pytest
from jupyterhub.utils import subdomain_hook_legacy

from coterie.hub.addresses import Addresses, hub_public_url, service_public_url


def test_with_subdomains_the_service_has_an_origin_of_its_own() -> None:
    assert (
        service_public_url("http://hub.localhost:8000/", "http://hub.localhost:8000")
        == "http://coterie--service.hub.localhost:8000/services/coterie/"
    )
    assert (
        service_public_url("https://hub.example.org/base/", "https://hub.example.org")
        == "https://coterie--service.hub.example.org/base/services/coterie/"
    )


def test_without_subdomains_it_is_on_the_hubs_origin() -> None:
    assert service_public_url("http://127.0.0.1:8000/") == "http://127.0.0.1:8000/services/coterie/"


def test_a_host_without_a_scheme_is_https_as_jupyterhub_takes_it() -> None:
    assert (
        service_public_url("https://hub.example.org/", "hub.example.org")
        == "https://coterie--service.hub.example.org/services/coterie/"
    )


def test_an_origin_shared_with_the_hub_or_other_services_is_refused() -> None:
    def on_the_hub(name: str, domain: str, kind: str) -> str:
        return domain

    for hook in (on_the_hub, subdomain_hook_legacy):
        with pytest.raises(ValueError, match="origin of its own"):
            service_public_url("https://hub.example.org/", "https://hub.example.org", hook)


@pytest.mark.parametrize(
    ("public_url", "subdomain_host", "bind_url", "expected"),
    [
        ("https://a.org/", "https://b.org", "http://127.0.0.1:8000", "https://a.org/"),
        ("", "https://b.org", "http://127.0.0.1:8000", "https://b.org/"),
        ("", "b.org", "http://127.0.0.1:8000", "https://b.org/"),
        ("", "", "http://127.0.0.1:8000", "http://127.0.0.1:8000/"),
    ],
)
def test_the_most_explicit_address_counts(public_url: str, subdomain_host: str, bind_url: str, expected: str) -> None:
    found = hub_public_url(bind_url=bind_url, base_url="/", public_url=public_url, subdomain_host=subdomain_host)

    assert found == expected


@pytest.mark.parametrize("bind_url", ["", "http://:8000", "http://0.0.0.0:8000", "http://[::]:8000"])
def test_an_address_that_no_browser_could_go_to_is_refused_with_a_sentence(bind_url: str) -> None:
    with pytest.raises(ValueError, match=r"set c\.JupyterHub\.public_url"):
        hub_public_url(bind_url=bind_url, base_url="/", public_url="", subdomain_host="")


@pytest.mark.parametrize(
    ("hub", "expected"),
    [
        ("https://hub.example.org/", True),
        ("http://hub.localhost:8000/", True),
        ("http://hub.example.org/", False),
        ("http://127.0.0.1:8000/", False),
    ],
)
def test_host_cookies_are_used_where_browsers_keep_them(hub: str, expected: bool) -> None:
    assert Addresses(hub, hub, hub, subdomains=True).takes_host_cookies is expected
