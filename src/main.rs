//! The `dr-buddy` command: parses arguments, chooses what to do, makes the exit code.
//!
//! Exit codes: 0 done, 1 failed, 2 refused, 3 in doubt, 64 wrong usage, settings or documents; of `doctor`: 0 green,
//! 1 amber or unknown, 2 red.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use dr_buddy::catalog::Catalog;
use dr_buddy::cli::args::{Args, Command, Evidence, Runbook};
use dr_buddy::cli::serve::Ended;
use dr_buddy::cli::{demo, doctor, enrol, evidence, local, run, runbook, script, serve};
use dr_buddy::domain::readiness::Light;
use dr_buddy::domain::value::Language;
use dr_buddy::{config, telemetry};

const USAGE: u8 = 64;
const REFUSED: u8 = 2;
const IN_DOUBT: u8 = 3;
const RED: u8 = 2;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let code = if error.use_stderr() { USAGE } else { 0 };
            // Where not even usage can be printed, the exit code is all there is.
            drop(error.print());
            return code.into();
        }
    };
    // Before any TLS: this process uses ring, and nothing else.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        return ExitCode::FAILURE;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let Ok(runtime) = runtime else { return ExitCode::FAILURE };
    let mut out = io::stdout();
    match runtime.block_on(run(args, &mut out)) {
        Ok(Ended::Well | Ended::Found(Light::Green)) => ExitCode::SUCCESS,
        Ok(Ended::Found(Light::Red)) => RED.into(),
        Ok(Ended::Misconfigured) => USAGE.into(),
        Ok(Ended::Refused) => REFUSED.into(),
        Ok(Ended::InDoubt) => IN_DOUBT.into(),
        Ok(Ended::Badly | Ended::Found(Light::Amber | Light::Unknown)) | Err(_) => {
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args, out: &mut dyn Write) -> io::Result<Ended> {
    // Whoever works at the terminal reads the answers there; what is logged is what went wrong.
    let at_terminal = || {
        let (filter, json) = config::log(&config::variable, "warn");
        telemetry::init(&filter, json);
    };
    match args.command {
        Command::Demo { script: true, speed, lang, .. } => {
            let Some(language) = language(&lang, out)? else { return Ok(Ended::Misconfigured) };
            telemetry::init("error", false);
            script::play(speed.unwrap_or(120), language, out).await
        }
        Command::Demo { script: false, listen, speed, keep, .. } => {
            let (filter, json) = config::log(&config::variable, "info");
            telemetry::init(&filter, json);
            demo::demo(listen, keep, speed.unwrap_or(1), out).await
        }
        Command::Serve => serve::serve(&config::variable, &mut io::stderr()).await,
        Command::Run { verb, step, role, run, digest, words } => {
            at_terminal();
            let wish = run::Wish { verb, step, role, words: words.join(" "), run, digest };
            local::run(&config::variable, &wish, out).await
        }
        Command::Enrol { person, remove, list } => {
            at_terminal();
            let wish = match (remove, list) {
                (true, _) => enrol::Wish::Remove,
                (false, true) => enrol::Wish::List,
                (false, false) => enrol::Wish::Enrol,
            };
            local::enrol(&config::variable, person.as_deref(), wish, out).await
        }
        Command::Evidence(Evidence::Export { run, to }) => {
            at_terminal();
            local::export(&config::variable, &run, to, out).await
        }
        Command::Evidence(Evidence::Verify { path }) => {
            let whole = evidence::report(&path, out)?;
            Ok(if whole { Ended::Well } else { Ended::Badly })
        }
        Command::Report { run, lang, format } => {
            at_terminal();
            let Some(language) = language(&lang, out)? else { return Ok(Ended::Misconfigured) };
            local::report(&config::variable, &run, language, format, out).await
        }
        Command::Doctor { env, dark, json, lang } => {
            at_terminal();
            let Some(language) = language(&lang, out)? else { return Ok(Ended::Misconfigured) };
            let wish = doctor::Wish { environment: env, dark, json, language };
            doctor::doctor(&config::variable, wish, out).await
        }
        Command::Stats { env, format } => {
            at_terminal();
            local::stats(&config::variable, env.as_deref(), format, out).await
        }
        Command::Runbook(command) => about_runbooks(command, out),
    }
}

fn about_runbooks(command: Runbook, out: &mut dyn Write) -> io::Result<Ended> {
    let prompts = config::sources(&config::variable).prompts;
    let good = match command {
        Runbook::Check { paths, environments } => {
            runbook::check(&paths, environments.as_deref(), prompts.as_deref(), out)?
        }
        Runbook::Schema => runbook::schema(prompts.as_deref(), out)?,
        Runbook::Show { id, lang, format } => {
            let Some(language) = language(&lang, out)? else { return Ok(Ended::Misconfigured) };
            match Catalog::load(&config::sources(&config::variable)) {
                Ok(catalog) => {
                    let word = |key: &str| catalog.texts.word(language, key);
                    runbook::show(&catalog, &id, format, language, &word, out)?
                }
                Err(found) => runbook::report(&found, out)?,
            }
        }
    };
    Ok(if good { Ended::Well } else { Ended::Badly })
}

fn language(text: &str, out: &mut dyn Write) -> io::Result<Option<Language>> {
    let language = Language::parse(text);
    if language.is_none() {
        writeln!(out, "--lang: I speak en and fr, not `{text}`")?;
    }
    Ok(language)
}
