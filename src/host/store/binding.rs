//! Which work tree and which agent conversations a live session belongs to, and who this clone is.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Doing, Error, Result,
        clock::Clock,
        store::{
            layout::{self, Private},
            write::{self, Durability},
        },
    },
    model::{
        id::{ClientId, SessionId},
        refusal::Refusal,
    },
};

const VERSION: u32 = 1;
const CAP: u64 = 64 * 1024;

/// A live session's binding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The version of the form.
    pub version: u32,
    /// The top of the work tree that the session works in.
    pub work_tree: PathBuf,
    /// The conversations of agent clients that belong to it.
    pub clients: Vec<ClientId>,
}

impl Binding {
    /// A binding to the work tree at `root`.
    #[must_use]
    pub fn to(root: &Path) -> Self {
        Self { version: VERSION, work_tree: root.to_owned(), clients: Vec::new() }
    }

    /// Reads the binding in a session's directory; none where there is none.
    ///
    /// # Errors
    /// Refuses a damaged one and one of a later version.
    pub fn read(directory: &Path) -> Result<Option<Self>> {
        read_json(&layout::binding(directory))
    }

    /// Writes the binding into a session's directory.
    ///
    /// # Errors
    /// Fails when it cannot be written.
    pub fn write(&self, directory: &Path) -> Result<()> {
        write_json(&layout::binding(directory), self)
    }
}

/// The live sessions of this clone with their bindings, oldest first.
///
/// # Errors
/// Fails when the directory cannot be read.
pub fn live(private: &Private) -> Result<Vec<(SessionId, Option<Binding>)>> {
    let directory = private.sessions();
    let entries = match fs::read_dir(&directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).doing("list the live sessions in", &directory),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.doing("list the live sessions in", &directory)?;
        let Some(id) = entry.file_name().to_str().and_then(|name| SessionId::new(name).ok()) else { continue };
        if layout::log(&entry.path()).is_file() {
            found.push((id, Binding::read(&entry.path())?));
        }
    }
    found.sort_by(|left, right| left.0.cmp(&right.0));
    Ok(found)
}

/// Who a clone is: a random id, good only for the directory that it was made in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The version of the form.
    pub version: u32,
    /// The random id.
    pub id: String,
    /// The inode of the `autonomy/` directory.
    pub inode: u64,
    /// The birth time of that directory in nanoseconds since 1970, 0 where the file system keeps none.
    pub born: u64,
}

/// Whether this clone is the one that its logs were written in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Home {
    /// It is.
    Here(Identity),
    /// The directory was copied: its logs belong to another clone and may only be read.
    Copied(Identity),
    /// Nothing was ever written here.
    Nowhere,
}

/// Tells whether the `autonomy/` directory is the one that its identity was made in.
///
/// # Errors
/// Refuses a damaged identity.
pub fn home(private: &Private) -> Result<Home> {
    let Some(identity) = read_json::<Identity>(&private.identity())? else { return Ok(Home::Nowhere) };
    let (inode, born) = place(private.root())?;
    Ok(if identity.inode == inode && identity.born == born { Home::Here(identity) } else { Home::Copied(identity) })
}

/// Makes this clone the home of whatever lies in its `autonomy/` directory.
///
/// # Errors
/// Fails when the identity cannot be written.
pub fn settle_here(private: &Private, clock: &Clock) -> Result<Identity> {
    write::make_directory(private.root())?;
    let (inode, born) = place(private.root())?;
    let identity = Identity { version: VERSION, id: clock.suffix(12)?, inode, born };
    write_json(&private.identity(), &identity)?;
    Ok(identity)
}

/// The inode of a directory and its birth time in nanoseconds since 1970 (0 where the file system keeps none): what a copy
/// does not share.
///
/// # Errors
/// Fails when the directory cannot be looked at.
pub fn place(directory: &Path) -> Result<(u64, u64)> {
    let found = fs::metadata(directory).doing("look at", directory)?;
    let born = found.created().ok().and_then(|born| born.duration_since(std::time::UNIX_EPOCH).ok());
    Ok((found.ino(), born.map_or(0, |born| u64::try_from(born.as_nanos()).unwrap_or(0))))
}

fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<T>> {
    #[derive(Deserialize)]
    struct Head {
        version: u32,
    }
    let Some(content) = write::read_capped(path, CAP)? else { return Ok(None) };
    let damaged =
        |error: serde_json::Error| Error::at("read", path, error).hint("`autonomy verify --repair` mends what can be mended");
    let head: Head = serde_json::from_slice(&content).map_err(damaged)?;
    if head.version > VERSION {
        return Err(Refusal::environment(format!(
            "`{}` is of version {}, and this program knows {VERSION}",
            path.display(),
            head.version
        ))
        .hint("install the later version of autonomy; nothing was changed")
        .into());
    }
    serde_json::from_slice(&content).map(Some).map_err(damaged)
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_string(value).map_err(|error| Error::at("write", path, error))?;
    text.push('\n');
    write::replace(path, text.as_bytes(), Durability::Synced)
}
