//! One process per file. SQLite itself would let a second one in; but leases, waking and the writer's queue are those of
//! one process, and a lease found at the start is taken for that of a process that is gone.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use crate::store::{StoreError, failed};

/// The right to be the process of a database, until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock beside the database, or says who has it.
    pub(super) fn take(database: &Path) -> Result<Self, StoreError> {
        let io = |error| failed("lock its file")(sqlx::Error::Io(error));
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(beside(database))
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Only for the message: whoever has the lock may be writing there just now.
                drop(file.read_to_string(&mut holder));
                let holder = holder.trim().parse().ok();
                return Err(StoreError::InUse { database: database.to_owned(), holder });
            }
            Err(std::fs::TryLockError::Error(error)) => return Err(io(error)),
        }
        // The number is for people; a full disk must not keep the bot from starting.
        drop(file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())));
        Ok(Self { _file: file })
    }
}

/// The same file for every way to write the database's path.
fn beside(database: &Path) -> PathBuf {
    let real = database.canonicalize().unwrap_or_else(|_| {
        let folder = match database.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            Some(_) | None => Path::new("."),
        };
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        database.file_name().map_or_else(|| folder.clone(), |name| folder.join(name))
    });
    let mut name = real.into_os_string();
    name.push(".lock");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_one_is_refused_under_any_name_of_the_file_and_told_who_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.db");
        let first = Lock::take(&path).unwrap();
        File::create(&path).unwrap();
        let other = folder.path().join("other.db");
        std::os::unix::fs::symlink(&path, &other).unwrap();
        for path in [&path, &other, &folder.path().join("./runs.db")] {
            let refused = Lock::take(path).unwrap_err();
            let StoreError::InUse { holder, .. } = refused else { panic!("{refused}") };
            assert_eq!(holder, Some(std::process::id()));
        }
        drop(first);
        drop(Lock::take(&path).unwrap());
    }
}
