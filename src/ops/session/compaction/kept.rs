//! Sealed compactions as they lie: beside the live log, in the work tree, in HEAD's tree or under the ref that pins the session.
//! Reads only.

use crate::{
    host::{
        Result,
        store::{bytes, layout, sealed, write},
        workspace::Workspace,
    },
    model::{
        change::TreePath,
        compaction::{MANIFEST, Manifest, folder, numbers},
        id::Digest,
        refusal::Refusal,
        yaml,
    },
    ops::session::known::Known,
};

/// The bytes of a sealed file, wherever they are; only bytes with the digest that the log names count.
///
/// # Errors
/// Fails when git cannot be read.
pub(super) fn bytes_of(workspace: &Workspace, known: &Known, path: &str, digest: &Digest) -> Result<Option<Vec<u8>>> {
    if let Some(directory) = &known.directory
        && let Some(content) = bytes::get(directory, digest)?
    {
        return Ok(Some(content));
    }
    let is_it = |content: &Vec<u8>| Digest::of(content) == *digest;
    if let Some(content) = write::read_capped(&workspace.root().join(path), bytes::CAP)?.filter(is_it) {
        return Ok(Some(content));
    }
    let git = workspace.git()?;
    let pinned = git.find_ref(&sealed::pin_name(&known.session))?;
    for commit in git.head()?.commit().cloned().into_iter().chain(pinned) {
        if let Some(blob) = git.blob_at(&commit, &TreePath::new(path)?)?.filter(|blob| is_it(&blob.bytes)) {
            return Ok(Some(blob.bytes));
        }
    }
    Ok(None)
}

/// The manifest of compaction `number`, or of the newest; none where nothing was sealed.
///
/// # Errors
/// Refuses a number that there is not, and a manifest that is gone or of a later version.
pub(super) fn manifest(workspace: &Workspace, known: &Known, number: Option<u32>) -> Result<Option<Manifest>> {
    let all = numbers(&known.state);
    let Some(newest) = all.last() else { return Ok(None) };
    let number = match number {
        None => *newest,
        Some(number) if all.contains(&number) => number,
        Some(number) => {
            return Err(Refusal::usage(format!("the session `{}` has no compaction {number}", known.session))
                .hint(format!("it has 1 to {newest}; `autonomy compact show {}` lists them", known.session))
                .into());
        }
    };
    let path = format!("{}/{MANIFEST}", folder(&layout::session_folder(&known.session), number));
    let content = match known.state.sealed.get(&path) {
        Some(digest) => bytes_of(workspace, known, &path, digest)?,
        None => None,
    };
    let Some(content) = content else { return Err(gone(&path).into()) };
    let text = String::from_utf8(content).map_err(|_| Refusal::environment(format!("`{path}` is not UTF-8")))?;
    Ok(Some(yaml::read::<Manifest>(&path, &text)?.may_read()?))
}

/// The text of a key, or of another file of a compaction; `digest` is what the manifest says of it.
///
/// # Errors
/// Refuses a file that is gone or damaged.
pub(super) fn text(workspace: &Workspace, known: &Known, number: u32, file: &str, digest: &Digest) -> Result<String> {
    let path = format!("{}/{file}", folder(&layout::session_folder(&known.session), number));
    let content = bytes_of(workspace, known, &path, digest)?.ok_or_else(|| gone(&path))?;
    Ok(String::from_utf8(content).map_err(|_| Refusal::environment(format!("`{path}` is not UTF-8")))?)
}

fn gone(path: &str) -> Refusal {
    Refusal::environment(format!("`{path}` is gone, or is not as it was sealed"))
        .hint("`git fetch` the branch that holds it, or `autonomy verify`")
}
