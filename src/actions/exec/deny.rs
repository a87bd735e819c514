//! What no step runs, whoever approved it: what destroys more than any incident does. The words are looked for, not their
//! meaning, so a program that is told to run another one is refused with it.

use std::path::Path;

/// They would run whatever they are told, so that a list of programs would be no list any more.
const RUNNERS: [&str; 22] = [
    "sh", "bash", "dash", "zsh", "ksh", "ash", "fish", "csh", "tcsh", "rbash", "busybox", "env",
    "xargs", "sudo", "su", "doas", "nohup", "setsid", "timeout", "nice", "ssh", "chroot",
];
const TERRAFORM: [&str; 3] = ["terraform", "tofu", "terragrunt"];
const HELM: [&str; 1] = ["helm"];
const ARGOCD: [&str; 1] = ["argocd"];

/// Whether this program runs others by its nature.
pub(super) fn is_runner(path: &Path) -> bool {
    RUNNERS.contains(&name(&path.to_string_lossy()).as_str())
}

/// The words that are refused, if there are any: `terraform apply`.
pub(super) fn denied(paths: &[&Path], argv: &[String]) -> Option<String> {
    let words: Vec<String> = argv.iter().map(|word| word.to_lowercase()).collect();
    let programs = paths.iter().map(|path| name(&path.to_string_lossy()));
    let named: Vec<String> = programs.chain(words.iter().map(|word| name(word))).collect();
    let is_any =
        |of: &[&'static str]| of.iter().copied().find(|one| named.iter().any(|name| name == one));
    let word = |of: &[&str]| words.iter().find(|word| of.contains(&word.as_str()));
    for flush in ["flushall", "flushdb"] {
        if words.iter().any(|word| word.contains(flush)) {
            return Some(flush.to_uppercase());
        }
    }
    let prunes = |word: &&String| word.starts_with("--prune") && *word != "--prune=false";
    let pairs = [
        (is_any(&TERRAFORM), word(&["apply", "destroy", "apply-all", "destroy-all"])),
        (is_any(&HELM), word(&["uninstall", "delete", "del", "un"])),
        (is_any(&ARGOCD), words.iter().find(prunes)),
    ];
    pairs.into_iter().find_map(|(program, word)| Some(format!("{} {}", program?, word?)))
}

fn name(word: &str) -> String {
    let name = word.rsplit('/').next().unwrap_or(word).to_lowercase();
    name.strip_suffix(".exe").map(ToOwned::to_owned).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(program: &str, argv: &[&str]) -> Option<String> {
        let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
        denied(&[Path::new(program)], &argv)
    }

    #[test]
    fn what_destroys_is_refused_in_every_spelling() {
        for (program, argv) in [
            ("/usr/bin/terraform", &["apply"][..]),
            ("/usr/bin/terraform", &["-chdir=/infra", "destroy", "-auto-approve"]),
            ("/opt/tofu", &["APPLY"]),
            ("/usr/bin/python3", &["run.py", "/usr/bin/terraform", "apply"]),
            ("/usr/bin/helm", &["-n", "shop", "uninstall", "api"]),
            ("/usr/bin/helm", &["del", "api"]),
            ("/usr/bin/redis-cli", &["-h", "cache", "FlushAll", "ASYNC"]),
            ("/usr/bin/valkey-cli", &["EVAL", "redis.call('FLUSHDB')", "0"]),
            ("/usr/bin/argocd", &["app", "sync", "api", "--prune"]),
            ("/usr/bin/argocd", &["app", "sync", "api", "--prune=true"]),
        ] {
            assert!(of(program, argv).is_some(), "{program} {argv:?}");
        }
        for (program, argv) in [
            ("/usr/bin/terraform", &["plan", "-detailed-exitcode", "-lock=false"][..]),
            ("/usr/bin/helm", &["list", "-A"]),
            ("/usr/bin/argocd", &["app", "diff", "api", "--prune=false"]),
            ("/usr/bin/redis-cli", &["INFO", "replication"]),
            ("/usr/bin/kubectl", &["apply"]),
        ] {
            assert_eq!(of(program, argv), None, "{program} {argv:?}");
        }
        assert!(is_runner(Path::new("/bin/sh")) && is_runner(Path::new("/usr/bin/env")));
        assert!(!is_runner(Path::new("/usr/bin/terraform")));
    }
}
