# A LuCI app: its files are in htdocs/ and root/, and what it is, is in LUCI_*. Each language of po/ is a package.

PKG_NAME ?= $(notdir $(CURDIR))

include $(INCLUDE_DIR)/package.mk

define Package/$(PKG_NAME)
  SECTION := luci
  TITLE := $(LUCI_TITLE)
  DEPENDS := $(LUCI_DEPENDS)
  PKGARCH := $(LUCI_PKGARCH)
endef

Package/$(PKG_NAME)/description := $(LUCI_DESCRIPTION)

define Package/$(PKG_NAME)/install
	$(INSTALL_DIR) $(1)/www
	$(CP) htdocs/. $(1)/www
	$(CP) root/. $(1)
endef

# as LuCI's own: the menu and the permissions are read anew
define Package/$(PKG_NAME)/postinst
#!/bin/sh
[ -n "$${IPKG_INSTROOT}" ] || {
	rm -f /tmp/luci-indexcache.*
	rm -rf /tmp/luci-modulecache/
	/etc/init.d/rpcd reload
	exit 0
}
endef

# of the languages that there are in po/: what LuCI calls it, and what it is called
LUCI_BASENAME := $(patsubst luci-app-%,%,$(PKG_NAME))
LUCI_LANGUAGES := $(filter-out templates,$(notdir $(wildcard po/*)))
LUCI_CODE.zh_Hans := zh-cn
LUCI_LANG.de := Deutsch (German)
LUCI_LANG.zh_Hans := 简体中文 (Simplified Chinese)

# 1: the folder in po/, 2: LuCI's code, 3: the package
define LuciTranslation
  define Package/$(3)
    SECTION := luci
    TITLE := $(PKG_NAME) - $(2) translation
    DEPENDS := $(PKG_NAME)
    PKGARCH := all
  endef

  define Package/$(3)/install
	$$(INSTALL_DIR) $$(1)/etc/uci-defaults $$(1)/usr/lib/lua/luci/i18n
	echo "uci set luci.languages.$(subst -,_,$(2))='$(LUCI_LANG.$(1))'; uci commit luci" > $$(1)/etc/uci-defaults/$(3)
	$(PYTHON) $(TOPDIR)/../po2lmo.py po/$(1)/$(LUCI_BASENAME).po $$(1)/usr/lib/lua/luci/i18n/$(LUCI_BASENAME).$(2).lmo
  endef
  LUCI_PACKAGES += $(3)
endef

LUCI_PACKAGES := $(PKG_NAME)
LUCI_NAMED = $(or $(LUCI_CODE.$(1)),$(1))
$(foreach folder,$(LUCI_LANGUAGES),$(eval $(call LuciTranslation,$(folder),$(call LUCI_NAMED,$(folder)),luci-i18n-$(LUCI_BASENAME)-$(call LUCI_NAMED,$(folder)))))
$(foreach package,$(LUCI_PACKAGES),$(eval $(call BuildPackage,$(package))))
