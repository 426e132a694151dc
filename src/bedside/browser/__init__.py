"""A release as a web page that answers on the device: the target ``browser``, and the site that carries it."""

from bedside.browser.site import Site, write_site

__all__ = ["Site", "write_site"]
