//! Making a repository ready, settings, trust.

pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod init;
pub(crate) mod trust;
pub(crate) mod uninstall;
pub(crate) mod verify;
