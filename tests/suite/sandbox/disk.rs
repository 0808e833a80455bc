//! A disk that is nearly full: a small tmpfs in a mount namespace of its own.
//!
//! Where the kernel grants no such namespace the test is skipped loudly.

use std::{fs, path::PathBuf, process::Command};

use super::{Output, Sandbox, skipped};

impl Sandbox {
    /// Copies the work tree to a disk of `kibibytes`, runs the shell `script` there with `$autonomy` naming the program, and
    /// gives its end and a copy of what lay on the disk after it.
    pub(crate) fn on_small_disk(&self, kibibytes: u32, script: &str) -> Option<(Output, PathBuf)> {
        let own_namespace = ["--user", "--map-root-user", "--mount"];
        let granted = Command::new("unshare").args(own_namespace).args(["mount", "-t", "tmpfs", "none", "/mnt"]).output();
        if !granted.is_ok_and(|output| output.status.success()) {
            skipped("a full disk", "this machine grants no mount namespace");
            return None;
        }
        let (disk, after) = (self.base().join("disk"), self.base().join("after"));
        for directory in [&disk, &after] {
            fs::create_dir_all(directory).expect("the sandbox is writable");
        }
        let frame = format!(
            "mount -t tmpfs -o size={kibibytes}k none \"$disk\" && cp -a . \"$disk\" && cd \"$disk\" || exit 99\n\
             ( {script}\n )\nend=$?\ncp -a . \"$after\" && exit $end"
        );
        let mut command = self.program("unshare");
        command.args(own_namespace).args(["sh", "-c", &frame]);
        command.env("disk", &disk).env("after", &after).env("autonomy", &self.binary);
        Some((self.run(&mut command), after))
    }
}
