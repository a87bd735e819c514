//! Where the tools are that `tests/run` installs. Missing ones panic with the way to get them: nothing is skipped.
#![expect(
    clippy::disallowed_methods,
    reason = "tests/run hands the locations over in the environment"
)]

use std::env;
use std::path::{Path, PathBuf};

/// The cache folder: `DR_BUDDY_TEST_TOOLS`, else where `tests/run` puts it by default.
fn root() -> PathBuf {
    if let Some(root) = env::var_os("DR_BUDDY_TEST_TOOLS") {
        return root.into();
    }
    if let Some(root) = env::var_os("DR_BUDDY_TEST_CACHE") {
        return root.into();
    }
    let cache = env::var_os("XDG_CACHE_HOME").map_or_else(
        || PathBuf::from(env::var_os("HOME").expect("HOME is set")).join(".cache"),
        PathBuf::from,
    );
    cache.join("dr-buddy-tests")
}

fn existing(path: PathBuf) -> PathBuf {
    assert!(path.exists(), "`{}` is missing: run tests/run once, it installs it", path.display());
    path
}

/// A command of the Python tools: `moto_server`, `ministack`, `python`.
pub(crate) fn python(command: &str) -> PathBuf {
    existing(root().join("py/bin").join(command))
}

/// The folder with `node_modules` in it.
pub(crate) fn npm() -> PathBuf {
    existing(root().join("npm/node_modules")).parent().expect("it was joined").to_owned()
}

/// The local Slack.
pub(crate) fn local_slack() -> PathBuf {
    existing(npm().join("node_modules/local-slack-linux-x64/bin/local-slack"))
}

/// `kube-apiserver` or `etcd`.
pub(crate) fn kubernetes(command: &str) -> PathBuf {
    let assets = env::var_os("KUBEBUILDER_ASSETS")
        .map_or_else(|| root().join("kubernetes-1.20"), PathBuf::from);
    existing(assets.join(command))
}

/// A Debian command: `node`, `chromium`.
pub(crate) fn debian(command: &str) -> PathBuf {
    let path = env::var_os("PATH").expect("PATH is set");
    env::split_paths(&path)
        .map(|folder| folder.join(command))
        .find(|candidate| candidate.is_file())
        .unwrap_or_else(|| panic!("`{command}` is missing: run tests/run once, it installs it"))
}

/// `RustyVault`.
pub(crate) fn vault() -> PathBuf {
    existing(root().join("vault/bin/rvault"))
}

/// Prism, which answers as a description of an API says.
pub(crate) fn prism() -> PathBuf {
    existing(npm().join("node_modules/.bin/prism"))
}

/// A vendor's own description of an API. They are not part of this repository: `DR_BUDDY_TEST_SPECS` says where they
/// are, `../shared/specs` unless told.
pub(crate) fn specification(name: &str) -> PathBuf {
    let folder = env::var_os("DR_BUDDY_TEST_SPECS")
        .map_or_else(|| repository().join("../shared/specs"), PathBuf::from);
    let path = folder.join(name);
    assert!(
        path.exists(),
        "`{}` is missing: say in DR_BUDDY_TEST_SPECS where the vendors' descriptions are",
        path.display()
    );
    path
}

/// A command of Debian's newest PostgreSQL: `initdb`, `postgres`.
pub(crate) fn postgres(command: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .max()
        .expect("PostgreSQL is missing: run tests/run once, it installs it");
    existing(format!("/usr/lib/postgresql/{newest}/bin/{command}").into())
}

/// The root of the repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
