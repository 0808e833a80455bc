//! Files whose bytes git would not write again: what a conversion, such as of line ends, does not lead back to.
//!
//! Only for conversions that are done here; what a filter program makes of its own output is the program's affair. Nothing is
//! written.

use std::{collections::BTreeMap, fs};

use crate::{
    host::{
        Result,
        git::{
            Repository,
            attributes::{Asked, Attributes, Route},
            restore::says_on_disk,
        },
    },
    model::{
        change::{Mode, TreePath},
        conversion::Conversion,
        rollback::{Action, RollbackPlan},
    },
};

impl Repository {
    /// The bytes of such files among the paths that a plan changes.
    ///
    /// # Errors
    /// Fails when git's attributes cannot be read.
    pub(in crate::host::git) fn verbatim(&self, plan: &RollbackPlan) -> Result<BTreeMap<TreePath, Vec<u8>>> {
        let asked = if says_on_disk(self, plan) { Asked::PerPath } else { Asked::Never };
        let attributes = Attributes::new(self, &self.environment, asked)?;
        let mut found = BTreeMap::new();
        for entry in plan.entries.iter().filter(|entry| matches!(entry.action, Action::Restore | Action::Delete)) {
            let is_file = |mode: Mode| matches!(mode, Mode::File | Mode::Executable);
            let Some(now) = entry.now.as_ref().filter(|now| is_file(now.mode)) else { continue };
            let conversion = match attributes.route(&entry.path) {
                Ok(Route::Here(conversion)) if conversion != Conversion::NONE => conversion,
                // Where there is none, or it is refused when the path is written.
                Ok(Route::Here(_) | Route::Program) | Err(_) => continue,
            };
            let Ok(bytes) = fs::read(entry.path.join_to(self.root())) else { continue };
            let indexed = || {
                let staged = self.index().ok()?.get_path(&entry.path.join_to("".as_ref()), 0)?;
                Some(self.raw.find_blob(staged.id).ok()?.content().to_owned())
            };
            let stored = conversion.to_repository(&bytes, indexed).into_owned();
            if self.blob_id(&stored)? == now.oid && *conversion.to_work_tree(&stored, &now.oid) != *bytes {
                found.insert(entry.path.clone(), bytes);
            }
        }
        Ok(found)
    }
}
