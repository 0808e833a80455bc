//! Making a repository ready and taking it back; settings and trust. Every other command works without any of it.

pub mod change;
pub mod client;
pub mod config;
pub mod declared;
pub mod doctor;
pub mod for_client;
pub mod hand_out;
pub mod in_force;
pub mod init;
pub mod trust;
pub mod uninstall;
pub mod verify;
