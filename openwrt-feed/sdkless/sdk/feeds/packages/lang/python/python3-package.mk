# Py3Package: a package of pure Python. The SDK puts it where the one Python of its release looks. Here it goes to where
# ours looks, whatever the minor version of the router's Python.

PYTHON_FOLDER := /usr/lib/ipop/lib

define Py3Package
define Package/$(1)/install
	$(INSTALL_DIR) $$(1)$(PYTHON_FOLDER)
	$(PYTHON) $(TOPDIR)/../installed.py $(PYPI_NAME) $(PKG_VERSION) $$(1)$(PYTHON_FOLDER)
endef
endef
