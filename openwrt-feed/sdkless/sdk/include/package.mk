# BuildPackage: writes down what the Makefile says about a package, and installs its files.
#
#   $(STAGE)/NAME/said/FIELD     TITLE, DEPENDS ... as they are written
#   $(STAGE)/NAME/said/SCRIPT    postinst ..., conffiles, description
#   $(STAGE)/NAME/root           its files

FIELDS := TITLE DEPENDS EXTRA_DEPENDS PROVIDES CONFLICTS PKGARCH USERID SECTION URL VARIANT
PKG_FIELDS := PKG_NAME PKG_VERSION PKG_RELEASE PKG_LICENSE PKG_MAINTAINER
TEXTS := preinst postinst prerm postrm conffiles description

.PHONY: all compile
all: compile
compile:
	mkdir -p $(PKG_BUILD_DIR)
	$(Build/Prepare)
	$(Build/Compile)

# 1: name. Packages of sources are made by the real SDK only; of variants each run of make builds one.
define BuildPackage
  $(foreach field,$(FIELDS),$(eval $(field) :=))
  $(eval $(Package/$(1)))
  $(if $(filter %-src,$(1))$(filter-out $(BUILD_VARIANT),$(VARIANT)),,$(call write_down,$(1))$(call install_rule,$(1)))
endef

define write_down
  $(shell mkdir -p $(STAGE)/$(1)/said $(STAGE)/$(1)/root)
  $(foreach field,$(FIELDS) $(PKG_FIELDS),$(file >$(STAGE)/$(1)/said/$(field),$(strip $($(field)))))
  $(foreach text,$(TEXTS),$(if $(Package/$(1)/$(text)),$(file >$(STAGE)/$(1)/said/$(text),$(Package/$(1)/$(text)))))
endef

define install_rule
all: install-$(1)
install-$(1): compile
	$$(if $$(filter all,$(PKGARCH)),$$(call Package/$(1)/install,$(STAGE)/$(1)/root))
endef
