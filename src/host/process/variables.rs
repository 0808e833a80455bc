//! The environment that a program is started with: always whole and explicit, never shown.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fmt,
    path::{Path, PathBuf},
};

use crate::host::environment::Environment;

/// Variables that point git at one particular repository or index; a program that we start finds its own.
const GIT_LOCATION: [&str; 8] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_PREFIX",
    "GIT_NAMESPACE",
];

/// All variables of a program; its `Debug` form shows names only, because values may be secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Variables(BTreeMap<OsString, OsString>);

impl Variables {
    /// What this process has, without what points git at a particular repository.
    #[must_use]
    pub fn inherited(environment: &Environment) -> Self {
        let all = environment.variables().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self(all.collect()).without(|name| GIT_LOCATION.contains(&name))
    }

    /// Only the named ones of what this process has.
    #[must_use]
    pub fn only(environment: &Environment, names: &[&str]) -> Self {
        Self::inherited(environment).without(|name| !names.contains(&name))
    }

    /// With one more variable, or another value of it.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    /// Without those whose name is `unwanted`; names that are not UTF-8 stay.
    #[must_use]
    pub fn without(mut self, unwanted: impl Fn(&str) -> bool) -> Self {
        self.0.retain(|name, _| !name.to_str().is_some_and(&unwanted));
        self
    }

    /// With a directory that programs are looked for in first.
    #[must_use]
    pub fn finding_programs_in(self, directory: &Path) -> Self {
        let old = self.get("PATH").unwrap_or_default().to_owned();
        let directories =
            std::iter::once(directory.to_owned()).chain(std::env::split_paths(&old).filter(|path| path != directory));
        match std::env::join_paths(directories) {
            Ok(path) => self.with("PATH", path),
            // A directory with a colon in its name cannot be part of PATH.
            Err(_) => self,
        }
    }

    /// The value of a variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// Every variable.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// Where a program of that name would be found from `directory`, as the system looks for it.
    #[must_use]
    pub fn find(&self, program: &OsStr, directory: &Path) -> Option<PathBuf> {
        if Path::new(program).components().count() > 1 {
            return Some(directory.join(program)).filter(|path| is_executable(path));
        }
        let path = self.get("PATH")?;
        std::env::split_paths(path).map(|place| directory.join(place).join(program)).find(|path| is_executable(path))
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

fn is_executable(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Variables {
        let given = [("PATH", "/usr/bin:/bin"), ("GIT_DIR", "/elsewhere"), ("TOKEN", "hunter2"), ("HOME", "/home/ada")];
        Variables::inherited(&Environment::given(Path::new("/"), &given))
    }

    #[test]
    fn a_program_never_inherits_a_pointer_to_a_repository_nor_shows_a_value() {
        let variables = some();
        assert_eq!(variables.get("GIT_DIR"), None);
        assert_eq!(format!("{variables:?}"), r#"{"HOME", "PATH", "TOKEN"}"#);
    }

    #[test]
    fn programs_are_looked_for_in_the_given_directory_first() {
        let variables = some().finding_programs_in(Path::new("/opt/own")).finding_programs_in(Path::new("/bin"));
        assert_eq!(variables.get("PATH"), Some(OsStr::new("/bin:/opt/own:/usr/bin")));
        assert_eq!(variables.find(OsStr::new("sh"), Path::new("/")), Some(PathBuf::from("/bin/sh")));
        assert_eq!(variables.find(OsStr::new("no-such-program"), Path::new("/")), None);
        assert_eq!(variables.find(OsStr::new("./sh"), Path::new("/bin")), Some(PathBuf::from("/bin/./sh")));
    }
}
