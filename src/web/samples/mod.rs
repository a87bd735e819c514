//! Sample pages to look at: written to `tests/output/look`, with the assets beside them.
//!
//! The messages are fixtures modelled on what the product says, in both languages; the words of the page itself are
//! [`words::WORDS`], and a key that the pages use and the table lacks fails the test.

mod messages;
mod words;

use std::fs;
use std::path::Path;

use self::messages::{Pick, approval, decision, doubt, entries, modal, run_card, update};
use self::words::WORDS;
use crate::web::blockkit::Surface;
use crate::web::form::Form;
use crate::web::frame::{self, Bar, Choice, Frame, Message, Tone, Who};
use crate::web::page::{self, RunLine, Scene, Start};
use crate::web::room::{self, Card, Clock, Kind, Room, Split, Standing, Timeline};

/// Writes one page so that a browser can open it from the disk or from any web server.
fn write(lang: &str, name: &str, html: &maud::Markup) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/output/look");
    fs::create_dir_all(folder.join("assets")).unwrap();
    fs::write(folder.join("assets/style.css"), frame::STYLE).unwrap();
    fs::write(folder.join("assets/room.js"), frame::SCRIPT).unwrap();
    fs::write(folder.join("assets/icon.svg"), frame::ICON).unwrap();
    let html = html.0.replace("\"/assets/", "\"assets/");
    assert_eq!(html.to_lowercase().matches("<script").count(), 1, "only the one in the head");
    assert!(!html.contains(" style=") && !html.contains(" onclick="), "nothing inline: {name}");
    fs::write(folder.join(format!("{name}-{lang}.html")), html).unwrap();
}

fn choices(of: &[(&str, &str)]) -> Vec<Choice> {
    let choice = |(index, (value, label)): (usize, &(&str, &str))| Choice {
        value: (*value).to_owned(),
        label: (*label).to_owned(),
        chosen: index == 0,
    };
    of.iter().enumerate().map(choice).collect()
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

#[test]
fn every_page_is_written_in_both_languages() {
    for lang in ["en", "fr"] {
        let t = |en: &'static str, fr: &'static str| if lang == "fr" { fr } else { en };
        let say = |key: &str| {
            let found = WORDS.iter().find(|(k, _, _)| *k == key);
            let (_, en, fr) = found.unwrap_or_else(|| panic!("no words for `{key}`"));
            t(en, fr).to_owned()
        };
        let names = |id: &str| {
            let known = [("U1", "antoine"), ("U2", "mia"), ("U3", "leo")];
            known.iter().find(|(k, _)| *k == id).map(|(_, name)| (*name).to_owned())
        };
        let people =
            choices(&[("U1", "Antoine (ic)"), ("U2", "Mia (db)"), ("U3", "Léo (platform)")]);
        let speeds = choices(&[("1", "×1"), ("10", "×10"), ("60", "×60")]);
        let languages = if lang == "fr" {
            choices(&[("fr", "Français"), ("en", "English")])
        } else {
            choices(&[("en", "English"), ("fr", "Français")])
        };
        let bar = Bar {
            who: Who::ActsAs(&people),
            speeds: &speeds,
            languages: &languages,
            here: "/run/R1",
        };
        let frame = Frame {
            lang,
            title: "OPS-DR-2026-11-20",
            say: &say,
            names: &names,
            token: "t0k",
            bar: Some(bar),
        };
        small_pages(frame, &t);
        rooms(frame, &t);
    }
}

#[expect(clippy::too_many_lines, reason = "one fixture after the other, nothing to follow")]
fn small_pages(frame: Frame<'_>, t: Pick<'_>) {
    let facts = pairs(&[
        (
            "14:04 UTC",
            t(
                "API unreachable from *3 of 3* probes in eu-west-1",
                "API injoignable depuis *3 sondes sur 3* en eu-west-1",
            ),
        ),
        (
            "14:05 UTC",
            t(
                "EKS API in eu-west-1: no answer. AWS Health: open event",
                "API EKS en eu-west-1 : pas de réponse. AWS Health : événement ouvert",
            ),
        ),
        (
            "RPO",
            t(
                "us-east-1 is *0.9 s* behind (measured at 14:05:40)",
                "us-east-1 a *0,9 s* de retard (mesuré à 14:05:40)",
            ),
        ),
        (
            t("Target", "Cible"),
            t(
                "service back in *30 min*, at most 5 min of data lost",
                "service rétabli en *30 min*, 5 min de données perdues au plus",
            ),
        ),
    ]);
    let scene = Scene {
        kind: Kind::Tabletop,
        headline: t(
            "eu-west-1 stopped answering. Customers cannot log in.",
            "eu-west-1 ne répond plus. Les clients ne peuvent pas se connecter.",
        ),
        facts: &facts,
        button: t("Start the region failover", "Démarrer la bascule de région"),
        fields: &pairs(&[("runbook", "region-failover")]),
    };
    let closed = [RunLine {
        href: "/run/R0".to_owned(),
        kind: Kind::Exercise,
        title: t(
            "Region failover, exercise of 12 October",
            "Bascule de région, exercice du 12 octobre",
        )
        .to_owned(),
        standing: t("closed, RTO 24:10", "close, RTO 24:10").to_owned(),
        when: "2026-10-12".to_owned(),
    }];
    let start = Start { frame, scene: Some(scene), notice: None, open: &[], closed: &closed };
    write(frame.lang, "start", &page::start(start));

    let surface = Surface {
        base: "/run/R1",
        token: "t0k",
        names: frame.names,
        say: frame.say,
        read_only: false,
    };
    let people = pairs(&[("U1", "Antoine"), ("U2", "Mia"), ("U3", "Léo")]);
    let view = modal(t);
    let errors =
        pairs(&[("why", t("Write at least ten characters.", "Écrivez au moins dix caractères."))]);
    let sent = pairs(&[("why.text", "done")]);
    let form = Form { view: &view, people: &people, sent: &sent, errors: &errors, back: "/run/R1" };
    write(frame.lang, "form", &page::form(frame, surface, form));

    let refusal = refusal(t);
    write(frame.lang, "refusal", &page::message(frame, refusal, "/run/R1"));
    let unsigned = Frame { bar: None, ..frame };
    write(frame.lang, "sign-in", &page::sign_in(unsigned, "/run/R1", None));
}

fn refusal(t: Pick<'_>) -> Message<'static> {
    Message {
        tone: Tone::Refusal,
        what: t(
            "Not counted twice: you approved this at 14:19:02",
            "Pas compté deux fois : vous l’avez approuvé à 14:19:02",
        ),
        why: t(
            "Two different people must agree.",
            "Deux personnes différentes doivent être d’accord.",
        ),
        next: t(
            "<@U2> (db) or <@U4|clara> (ic) can approve.",
            "<@U2> (db) ou <@U4|clara> (ic) peuvent approuver.",
        ),
    }
}

#[expect(clippy::too_many_lines, reason = "one fixture after the other, nothing to follow")]
fn rooms(frame: Frame<'_>, t: Pick<'_>) {
    let card = |key, standing, line, when, blocks| Card {
        key,
        standing,
        line,
        when,
        since_ms: None,
        blocks,
    };
    let (approval, doubt, decision, update) = (approval(t), doubt(t), decision(t), update(t));
    let waiting = Card {
        since_ms: Some(1_795_184_352_000),
        ..card(
            "promote-database",
            Standing::Waiting,
            t("Promote Aurora in us-east-1", "Promouvoir Aurora en us-east-1"),
            "14:19",
            &approval,
        )
    };
    let in_doubt = card(
        "promote-redis",
        Standing::InDoubt,
        t("Promote Redis in us-east-1", "Promouvoir Redis en us-east-1"),
        "14:21",
        &doubt,
    );
    let deciding = card("go", Standing::Waiting, t("GO / NO-GO", "GO / NO-GO"), "14:10", &decision);
    let said = card(
        "update-3",
        Standing::Said,
        t("*Update 3* · minute 26 · forecast 29 min", "*Point 3* · minute 26 · prévision 29 min"),
        "14:30",
        &update,
    );
    let proven = card(
        "done-1",
        Standing::Proven,
        t(
            "*Replace secrets* · <@U1> <@U2> · 0:47 · host us-east-1 read back",
            "*Remplacer les secrets* · <@U1> <@U2> · 0:47 · hôte us-east-1 relu",
        ),
        "14:17",
        &approval,
    );
    let fenced = card(
        "done-2",
        Standing::Done,
        t(
            "*Fence the primary* · best effort, region unreachable",
            "*Isoler le primaire* · au mieux, région injoignable",
        ),
        "14:11",
        &update,
    );
    let skipped = card(
        "done-3",
        Standing::Skipped,
        t(
            "*Warn partners* · by <@U3>: “nobody on call”",
            "*Prévenir les partenaires* · par <@U3> : « personne d’astreinte »",
        ),
        "14:09",
        &update,
    );

    let tabletop = run_card(t, t("⚪ TABLETOP", "⚪ SUR TABLE"));
    let incident = run_card(t, "🔴 INCIDENT");
    let exercise = run_card(t, t("🟡 EXERCISE", "🟡 EXERCICE"));
    let entries = entries(t);
    let split_rows: Vec<[String; 4]> = [
        [
            t("Detect", "Détecter"),
            "2:00",
            "3:00",
            t("probe 14:04 → start 14:06", "sonde 14:04 → départ 14:06"),
        ],
        [
            t("Decide", "Décider"),
            "6:40",
            "5:00",
            t("start → second GO 14:12:40", "départ → second GO 14:12:40"),
        ],
        [
            t("Wait for approval", "Attendre l’accord"),
            "4:12",
            "—",
            t(
                "5 gates, longest *Promote Aurora* 1:58",
                "5 accords, le plus long *Promouvoir Aurora* 1:58",
            ),
        ],
        [
            t("Execute", "Exécuter"),
            "11:31",
            "12:00",
            t("9 attempts, none repeated", "9 tentatives, aucune répétée"),
        ],
    ]
    .map(|row| row.map(str::to_owned))
    .to_vec();
    let total = [
        "RTO",
        "24:23",
        "30:00",
        t("impact 14:04 → login proven 14:28:23", "impact 14:04 → connexion prouvée 14:28:23"),
    ]
    .map(str::to_owned);

    let surface = Surface {
        base: "/run/R1",
        token: "t0k",
        names: frame.names,
        say: frame.say,
        read_only: false,
    };
    let clock = Clock {
        since_ms: 1_795_183_440_000,
        now_ms: 1_795_184_502_000,
        speed: 1.0,
        rto_ms: Some(1_800_000),
        outlook: t("forecast 27 min ± 3", "prévision 27 min ± 3"),
    };
    let place = "prod · eu-west-1 → us-east-1";
    let timeline = Timeline { entries: &entries, filter: "", older: None };
    let title = t("Region failover", "Bascule de région");
    let base = Room {
        frame,
        surface,
        kind: Kind::Tabletop,
        title,
        place,
        clock: Some(clock),
        notice: None,
        run_card: &tabletop,
        open: &[waiting, in_doubt],
        stream: &[proven, fenced, skipped],
        timeline,
        split: None,
    };
    write(frame.lang, "room-approval", &room::room(base));
    write(frame.lang, "room-doubt", &room::room(Room { open: &[in_doubt], ..base }));
    let late = Clock { now_ms: clock.now_ms + 930_000, ..clock };
    write(
        frame.lang,
        "room-incident",
        &room::room(Room {
            kind: Kind::Incident,
            run_card: &incident,
            open: &[deciding],
            stream: &[said, fenced],
            clock: Some(late),
            notice: Some(refusal(t)),
            ..base
        }),
    );
    let still = Clock {
        speed: 0.0,
        now_ms: clock.since_ms + 1_463_000,
        outlook: t("measured", "mesuré"),
        ..clock
    };
    write(
        frame.lang,
        "room-closed",
        &room::room(Room {
            kind: Kind::Exercise,
            run_card: &exercise,
            open: &[],
            stream: &[said, proven, fenced, skipped],
            clock: Some(still),
            surface: Surface { read_only: true, ..surface },
            split: Some(Split { rows: &split_rows, total: &total }),
            ..base
        }),
    );
}

#[test]
fn the_words_are_sorted_and_in_both_languages() {
    assert!(WORDS.is_sorted_by_key(|(key, _, _)| key));
    for (key, en, fr) in WORDS {
        assert!(!en.is_empty() && !fr.is_empty(), "{key}");
    }
}
