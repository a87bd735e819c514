//! `dr-buddy demo`: the main job for somebody who has neither Slack nor AWS.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::app::{App, Told};
use crate::catalog::{Catalog, CatalogSources};
use crate::cli::runbook;
use crate::cli::serve::Ended;

/// Serves the demo until it is told to end. Everything it writes is in one folder: `keep`, else one that goes with it.
///
/// # Errors
/// When `out` or the folder cannot be written.
pub async fn demo(
    listen: SocketAddr,
    keep: Option<PathBuf>,
    speed: u32,
    out: &mut dyn Write,
) -> io::Result<Ended> {
    let folder = match keep {
        Some(path) => {
            std::fs::create_dir_all(&path)?;
            Place::Kept(path)
        }
        None => Place::Own(Folder::new()?),
    };
    let catalog = match Catalog::load(&CatalogSources::default()) {
        Ok(catalog) => catalog,
        Err(found) => {
            runbook::report(&found, out)?;
            return Ok(Ended::Misconfigured);
        }
    };
    match App::demo(listen, folder.path(), catalog, speed).await {
        Ok((app, _)) => {
            writeln!(
                out,
                "Open http://{} — the incident is happening. Ctrl-C ends the demo.",
                app.address
            )?;
            out.flush()?;
            Ok(app.until_told(Told::listen()?).await.into())
        }
        Err(error) => {
            writeln!(out, "{error:#}")?;
            Ok(Ended::Badly)
        }
    }
}

enum Place {
    Kept(PathBuf),
    Own(Folder),
}

impl Place {
    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) | Self::Own(Folder(path)) => path,
        }
    }
}

/// A folder that is removed when the demo ends.
#[derive(Debug)]
pub(super) struct Folder(pub(super) std::path::PathBuf);

impl Folder {
    pub(super) fn new() -> io::Result<Self> {
        let name = format!("dr-buddy-demo-{}", uuid::Uuid::new_v4().simple());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed from the temporary folder, the system removes.
        drop(std::fs::remove_dir_all(&self.0));
    }
}
