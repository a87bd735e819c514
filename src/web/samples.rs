//! Sample pages to look at: written to `tests/output/look`, with the assets beside them.
//!
//! The messages are fixtures modelled on what the product says, in both languages; the words of the page itself are
//! [`WORDS`], and a key that the pages use and the table lacks fails the test.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::web::blockkit::Surface;
use crate::web::form::Form;
use crate::web::frame::{self, Bar, Choice, Frame, Message, Tone, Who};
use crate::web::page::{self, RunLine, Scene, Start};
use crate::web::room::{self, Card, Clock, Entry, Kind, Room, Split, Standing, Timeline};

/// Key, English, French.
const WORDS: &[(&str, &str, &str)] = &[
    ("page.act_as", "You act as", "Vous jouez"),
    ("page.apply", "Apply", "Appliquer"),
    ("page.back", "Back", "Retour"),
    (
        "page.banner.exercise",
        "Exercise: a rehearsal on the environment named here. Say “exercise” in every message you send outside.",
        "Exercice : une répétition sur l’environnement indiqué ici. Dites « exercice » dans chaque message envoyé à l’extérieur.",
    ),
    (
        "page.banner.tabletop",
        "Simulation: nothing here touches a real system.",
        "Simulation : rien ici ne touche un système réel.",
    ),
    ("page.bar", "Settings of this page", "Réglages de cette page"),
    ("page.cancel", "Cancel", "Annuler"),
    ("page.choose", "Choose", "Choisir"),
    ("page.closed_runs", "Closed runs", "Exécutions closes"),
    ("page.connection_back", "Connected again", "Connexion rétablie"),
    (
        "page.connection_lost",
        "Connection lost: what you see may be out of date. Trying again since",
        "Connexion perdue : ce que vous voyez date peut-être. Nouvel essai en cours depuis",
    ),
    ("page.elapsed", "Elapsed", "Écoulé"),
    ("page.fault", "Did not work", "Échec"),
    ("page.filter", "Filter", "Filtrer"),
    ("page.for_so_long", "for", "depuis"),
    ("page.kind.exercise", "Exercise", "Exercice"),
    ("page.kind.incident", "Incident", "Incident"),
    ("page.kind.tabletop", "Tabletop", "Sur table"),
    ("page.language", "Language", "Langue"),
    ("page.new_open", "Now open:", "Nouvelle étape ouverte :"),
    ("page.next_step", "Next:", "Ensuite :"),
    ("page.no_entry", "No entry matches.", "Aucune entrée ne correspond."),
    ("page.no_runs", "No run yet.", "Aucune exécution pour l’instant."),
    (
        "page.no_script",
        "This page does not update by itself without JavaScript.",
        "Sans JavaScript, cette page ne se met pas à jour seule.",
    ),
    ("page.note", "For you", "Pour vous"),
    (
        "page.nothing_open",
        "Nothing waits for anybody right now.",
        "Rien n’attend personne en ce moment.",
    ),
    ("page.older", "Older entries", "Entrées plus anciennes"),
    ("page.open_count", "Open:", "Ouvertes :"),
    ("page.open_runs", "Open runs", "Exécutions ouvertes"),
    ("page.open_steps", "Open now", "À traiter"),
    ("page.optional", "(optional)", "(facultatif)"),
    ("page.refused", "Refused, nothing changed", "Refusé, rien n’a changé"),
    ("page.reload", "Reload", "Recharger"),
    ("page.rto", "RTO", "RTO"),
    ("page.rto_passed", "past the RTO by", "RTO dépassé de"),
    ("page.rto_used", "Share of the RTO used", "Part du RTO consommée"),
    ("page.run", "The run", "L’exécution"),
    ("page.runs", "Runs", "Exécutions"),
    ("page.send", "Send", "Envoyer"),
    ("page.sign_in", "Sign in", "Se connecter"),
    (
        "page.sign_in_why",
        "The war room opens with your own token. What you do here is recorded under your name.",
        "La salle de crise s’ouvre avec votre propre jeton. Ce que vous y faites est consigné à votre nom.",
    ),
    ("page.sign_out", "Sign out", "Se déconnecter"),
    ("page.signed_in_as", "Signed in as", "Connecté :"),
    ("page.skip", "Skip to what is open", "Aller à ce qui attend"),
    ("page.speed", "Time", "Temps"),
    ("page.split", "Where the time went", "Où le temps est passé"),
    ("page.split_measured", "Measured", "Mesuré"),
    ("page.split_part", "Part", "Partie"),
    ("page.split_target", "Typical", "Habituel"),
    ("page.start_is_safe", "Nothing is executed by starting.", "Démarrer n’exécute rien."),
    ("page.state.done", "Done", "Fait"),
    ("page.state.failed", "Failed", "Échoué"),
    ("page.state.in_doubt", "Outcome unknown", "Issue inconnue"),
    ("page.state.proven", "Proven", "Prouvé"),
    ("page.state.running", "Running", "En cours"),
    ("page.state.skipped", "Skipped", "Sautée"),
    ("page.state.waiting", "Waiting for people", "En attente d’accord"),
    ("page.stream", "Settled and said", "Réglé et annoncé"),
    ("page.timeline", "Timeline", "Chronologie"),
    ("page.your_token", "Your token", "Votre jeton"),
];

/// Picks one of two texts.
type Pick<'a> = &'a dyn Fn(&'static str, &'static str) -> &'static str;

fn mrkdwn(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": text}})
}

fn button(id: &str, label: &str, style: &str) -> Value {
    json!({"type": "button", "action_id": id, "value": "promote-database|7f3ac2", "style": style,
        "text": {"type": "plain_text", "text": label}})
}

fn asking(id: &str, label: &str, style: &str, title: &str, text: &str, no: &str) -> Value {
    let mut one = button(id, label, style);
    one["confirm"] = json!({"title": {"type": "plain_text", "text": title},
        "text": {"type": "mrkdwn", "text": text}, "confirm": {"type": "plain_text", "text": label},
        "deny": {"type": "plain_text", "text": no}});
    one
}

fn actions(elements: &[Value]) -> Value {
    json!({"type": "actions", "elements": elements})
}

fn context(text: &str) -> Value {
    json!({"type": "context", "elements": [{"type": "mrkdwn", "text": text}]})
}

fn run_card(t: Pick<'_>) -> Vec<Value> {
    vec![
        json!({"type": "header", "text": {"type": "plain_text", "text":
            t("⚪ TABLETOP  OPS-DR-2026-11-20", "⚪ SUR TABLE  OPS-DR-2026-11-20")}}),
        mrkdwn(t(
            "Region failover eu-west-1 → us-east-1 · *prod* `111111111111`",
            "Bascule de région eu-west-1 → us-east-1 · *prod* `111111111111`",
        )),
        mrkdwn(t(
            "*RTO 30 min* · forecast 27 min ± 3\n*RPO* est. 0.9 s (measured 40 s ago)",
            "*RTO 30 min* · prévision 27 min ± 3\n*RPO* est. 0,9 s (mesuré il y a 40 s)",
        )),
        mrkdwn(t(
            "Assess ✔ 6:10   Freeze ✔   Fence ✔ best effort\nData ● 2 of 3   Config ○   Prove ○   Traffic ○",
            "Évaluer ✔ 6:10   Geler ✔   Isoler ✔ au mieux\nDonnées ● 2 sur 3   Config ○   Prouver ○   Trafic ○",
        )),
        json!({"type": "divider"}),
        mrkdwn(t(
            "⏳ *Waiting for* db (<@U2>) to approve Promote Aurora in us-east-1\n▶ *Running* Scale DR workers\n⏭ *Next* Restart API and front · Prove a write",
            "⏳ *On attend* db (<@U2>) pour approuver Promouvoir Aurora en us-east-1\n▶ *En cours* Démarrer les workers DR\n⏭ *Ensuite* Redémarrer API et front · Prouver une écriture",
        )),
        mrkdwn(t(
            "IC <@U1> · db <@U2> · platform <@U3> · comms — *nobody*",
            "IC <@U1> · db <@U2> · plateforme <@U3> · comms — *personne*",
        )),
        context(t(
            "Last update 14:20 UTC (15:20 Paris), next 14:30",
            "Dernier point 14:20 UTC (15:20 Paris), prochain 14:30",
        )),
        actions(&[
            button("take-comms", t("Take comms", "Prendre comms"), ""),
            button("ask-note", t("Note…", "Noter…"), ""),
            button("hold", t("Hold the run", "Suspendre"), ""),
        ]),
    ]
}

fn approval(t: Pick<'_>) -> Vec<Value> {
    vec![
        json!({"type": "header", "text": {"type": "plain_text", "text":
            t("Promote Aurora in us-east-1", "Promouvoir Aurora en us-east-1")}}),
        mrkdwn(t("⚠ *Point of no return*", "⚠ *Irréversible*")),
        json!({"type": "section", "fields": [
            {"type": "mrkdwn", "text": t("*Writer now*\n`luneo-prod-aurora-primary` (eu-west-1)",
                "*Écrivain actuel*\n`luneo-prod-aurora-primary` (eu-west-1)")},
            {"type": "mrkdwn", "text": t("*Writer after*\n`luneo-prod-aurora-secondary` (us-east-1)",
                "*Écrivain après*\n`luneo-prod-aurora-secondary` (us-east-1)")},
            {"type": "mrkdwn", "text": t("*Loss*\nabout 0.9 s of writes (RPO lag at 14:18:20 UTC, 40 s old)",
                "*Perte*\nenviron 0,9 s d’écritures (retard RPO à 14:18:20 UTC, âgé de 40 s)")},
            {"type": "mrkdwn", "text": t("*After*\nthe old primary is rebuilt by AWS when its region returns; there is no undo",
                "*Ensuite*\nl’ancien primaire est reconstruit par AWS au retour de la région ; pas de retour en arrière")},
        ]}),
        mrkdwn(t(
            "*Guard*  ✔ writer is eu-west-1   ✔ workers in eu-west-1: 0 (unreachable since 14:11, accepted by <@U1>)",
            "*Garde*  ✔ l’écrivain est eu-west-1   ✔ workers en eu-west-1 : 0 (injoignable depuis 14:11, accepté par <@U1>)",
        )),
        mrkdwn(t(
            "*Needs* 2 people of ic, db · ✔ <@U1> 14:19:02 · expires 14:29",
            "*Il faut* 2 personnes parmi ic, db · ✔ <@U1> 14:19:02 · expire à 14:29",
        )),
        context(
            "`rds:FailoverGlobalCluster` us-east-1 · `111111111111` · `dr-buddy-operator` · `7f3a…c2`",
        ),
        actions(&[
            asking(
                "approve",
                t("Approve", "Approuver"),
                "primary",
                t("Promote Aurora in us-east-1?", "Promouvoir Aurora en us-east-1 ?"),
                t(
                    "Writer moves eu-west-1 → us-east-1. About 0.9 s of writes are lost. There is *no undo*. Digest `7f3a…c2`.",
                    "L’écrivain passe de eu-west-1 à us-east-1. Environ 0,9 s d’écritures perdues. *Irréversible*. Empreinte `7f3a…c2`.",
                ),
                t("Not yet", "Pas encore"),
            ),
            button("ask-reject", t("Reject…", "Refuser…"), ""),
            button("details", t("Details", "Détails"), ""),
            button("ask-skip", t("Skip…", "Sauter…"), "danger"),
        ]),
    ]
}

fn doubt(t: Pick<'_>) -> Vec<Value> {
    vec![
        json!({"type": "header", "text": {"type": "plain_text", "text":
            t("Promote Redis in us-east-1", "Promouvoir Redis en us-east-1")}}),
        mrkdwn(t(
            "We asked ElastiCache at 14:21:07 and the answer never came (connection cut after the request was sent).\nWhat we see now (14:21:40): role in us-east-1 = `secondary`, status = `modifying` → it looks *in progress*.\nWe do not send it again by ourselves. An answer may still land until 14:22:10.",
            "Nous avons sollicité ElastiCache à 14:21:07 et la réponse n’est jamais venue (connexion coupée après l’envoi).\nCe que nous voyons (14:21:40) : rôle en us-east-1 = `secondary`, état = `modifying` → cela semble *en cours*.\nNous ne le renvoyons pas de nous-mêmes. Une réponse peut encore arriver jusqu’à 14:22:10.",
        )),
        actions(&[
            button("probe", t("Look again", "Regarder encore"), "primary"),
            button("ask-done", t("It is done…", "C’est fait…"), ""),
            button("ask-again", t("Start again…", "Relancer…"), "danger"),
        ]),
    ]
}

fn decision(t: Pick<'_>) -> Vec<Value> {
    vec![
        json!({"type": "header", "text": {"type": "plain_text", "text":
            t("GO / NO-GO: fail over to us-east-1?", "GO / NO-GO : basculer vers us-east-1 ?")}}),
        mrkdwn(t(
            "*seen*  ALB eu-west-1 unreachable from 3 of 3 probes since 14:04 · EKS API eu-west-1: no answer · AWS Health: open event\n*if GO*  RTO forecast 27 min · estimated loss 0.9 s · point of no return at step 9\n*if HOLD*  partial service possible? (workload restart failed at 14:09)",
            "*vu*  ALB eu-west-1 injoignable depuis 3 sondes sur 3 dès 14:04 · API EKS eu-west-1 : pas de réponse · AWS Health : événement ouvert\n*si GO*  RTO prévu 27 min · perte estimée 0,9 s · irréversible à l’étape 9\n*si ATTENTE*  service partiel possible ? (redémarrage échoué à 14:09)",
        )),
        mrkdwn(t(
            "&gt; <@U1>: *GO* 14:12 “region is gone”\n&gt; <@U2>: —",
            "&gt; <@U1> : *GO* 14:12 « la région est perdue »\n&gt; <@U2> : —",
        )),
        actions(&[
            button("go", "GO", "primary"),
            button("hold-decision", t("HOLD", "ATTENDRE"), ""),
            button("ask-disagree", t("I disagree…", "Pas d’accord…"), ""),
        ]),
    ]
}

fn update(t: Pick<'_>) -> Vec<Value> {
    vec![
        mrkdwn(t("*14:30 UTC · minute 26 · update 3*", "*14:30 UTC · minute 26 · point 3*")),
        mrkdwn(t(
            "*Done since 14:20:* Redis promoted (proven) · secrets point to us-east-1 · API restarted, 12 of 12 ready\n*Running:* smoke tests (1:10 of typ. 2:00)\n*Data:* writer us-east-1, RPO measured 1.4 s · *Service:* API down for customers since 14:04\nRTO 30 min: forecast 29 min, 1 min of margin — the traffic decision is on the critical path",
            "*Fait depuis 14:20 :* Redis promu (prouvé) · secrets vers us-east-1 · API redémarrée, 12 sur 12 prêts\n*En cours :* tests de bon fonctionnement (1:10 sur 2:00)\n*Données :* écrivain us-east-1, RPO mesuré 1,4 s · *Service :* API indisponible depuis 14:04\nRTO 30 min : prévision 29 min, 1 min de marge — la décision de trafic est sur le chemin critique",
        )),
        context(t("written automatically from the record", "rédigé depuis le journal")),
    ]
}

fn entries(t: Pick<'_>) -> Vec<Entry> {
    let lines: &[(&str, &str, &str)] = &[
        (
            "14:21:40",
            "",
            t(
                "Probed *Promote Redis*: looks in progress",
                "*Promouvoir Redis* sondé : semble en cours",
            ),
        ),
        (
            "14:21:07",
            "",
            t(
                "*Promote Redis*: no answer, outcome unknown",
                "*Promouvoir Redis* : pas de réponse, issue inconnue",
            ),
        ),
        (
            "14:19:02",
            "antoine",
            t("approved *Promote Aurora* `7f3a…c2`", "a approuvé *Promouvoir Aurora* `7f3a…c2`"),
        ),
        ("14:18:20", "", t("Measured RPO lag: 0.9 s", "Retard RPO mesuré : 0,9 s")),
        (
            "14:16:11",
            "leo",
            t(
                "accepted that eu-west-1 is unreachable (fence, best effort)",
                "a accepté que eu-west-1 soit injoignable (isolement, au mieux)",
            ),
        ),
        ("14:12:40", "mia", t("decided *GO*", "a décidé *GO*")),
        (
            "14:12:03",
            "antoine",
            t("decided *GO* “region is gone”", "a décidé *GO* « la région est perdue »"),
        ),
        (
            "14:06:00",
            "antoine",
            t("started the run, impact since 14:04", "a démarré l’exécution, impact depuis 14:04"),
        ),
    ];
    let numbered = lines.iter().zip((1..=lines.len() as u64).rev());
    numbered
        .map(|((time, who, what), seq)| Entry {
            seq,
            time: (*time).to_owned(),
            who: (*who).to_owned(),
            what: (*what).to_owned(),
        })
        .collect()
}

fn modal(t: Pick<'_>) -> Value {
    let text = |words: &str| json!({"type": "plain_text", "text": words});
    let option = |value: &str, words: &str| json!({"value": value, "text": text(words)});
    json!({"type": "modal", "callback_id": "skip", "private_metadata": "OPS-DR-2026-11-20|promote-database",
    "title": text(t("Skip a step", "Sauter une étape")), "submit": text(t("Skip it", "Sauter")),
    "close": text(t("Keep it", "La garder")),
    "blocks": [
        mrkdwn(t("*Promote Aurora in us-east-1* will not be done. Steps that need it stay shut.",
            "*Promouvoir Aurora en us-east-1* ne sera pas fait. Les étapes qui en dépendent restent fermées.")),
        {"type": "input", "block_id": "why", "label": text(t("Why", "Pourquoi")),
            "hint": text(t("Everybody sees it, and it is copied into the post-mortem.", "Tout le monde le voit ; copié dans le post-mortem.")),
            "element": {"type": "plain_text_input", "action_id": "text", "multiline": true, "min_length": 10}},
        {"type": "input", "block_id": "kind", "label": text(t("Reason", "Motif")),
            "element": {"type": "radio_buttons", "action_id": "pick", "options": [
                option("done", t("Already done by hand", "Déjà fait à la main")),
                option("useless", t("No longer needed", "Devenu inutile"))]}},
        {"type": "input", "block_id": "tell", "optional": true, "label": text(t("Tell", "Prévenir")),
            "element": {"type": "multi_users_select", "action_id": "people", "initial_users": ["U2"]}},
        {"type": "input", "block_id": "until", "label": text(t("Impact", "Impact")),
            "element": {"type": "static_select", "action_id": "pick", "options": [
                option("none", t("None for customers", "Aucun pour les clients")),
                option("some", t("Some", "Partiel"))]}},
    ]})
}

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

    let run_card = run_card(t);
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
        run_card: &run_card,
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
