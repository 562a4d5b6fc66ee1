# What a package's Makefile includes first. Here, and in the files below this folder, is as much of OpenWrt's SDK as the
# Makefiles of this feed use: enough to build what needs no compiler. ../makefiles.py runs make with TOPDIR set to this
# folder, and the real SDK with its own.
#
# From outside: STAGE, where everything goes; BUILD_VARIANT; MPY_CROSS; PYTHON, which has the Python packages.

INCLUDE_DIR := $(TOPDIR)/include
BUILD_DIR := $(STAGE)/build
PKG_BUILD_DIR = $(BUILD_DIR)/$(PKG_NAME)

INSTALL_DIR := install -d -m0755
INSTALL_BIN := install -m0755
INSTALL_DATA := install -m0644
INSTALL_CONF := install -m0600
CP := cp -fpR
LN := ln -sf

.DEFAULT_GOAL := all
