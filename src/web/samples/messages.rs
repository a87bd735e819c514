//! Messages of a run, modelled on what the product says.

use serde_json::{Value, json};

use crate::web::room::Entry;

/// Picks one of two texts.
pub(super) type Pick<'a> = &'a dyn Fn(&'static str, &'static str) -> &'static str;

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

pub(super) fn run_card(t: Pick<'_>, kind: &str) -> Vec<Value> {
    vec![
        json!({"type": "header", "text": {"type": "plain_text", "text": format!("{kind}  OPS-DR-2026-11-20")}}),
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

pub(super) fn approval(t: Pick<'_>) -> Vec<Value> {
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

pub(super) fn doubt(t: Pick<'_>) -> Vec<Value> {
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

pub(super) fn decision(t: Pick<'_>) -> Vec<Value> {
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

pub(super) fn update(t: Pick<'_>) -> Vec<Value> {
    vec![
        mrkdwn(t("*14:30 UTC · minute 26 · update 3*", "*14:30 UTC · minute 26 · point 3*")),
        mrkdwn(t(
            "*Done since 14:20:* Redis promoted (proven) · secrets point to us-east-1 · API restarted, 12 of 12 ready\n*Running:* smoke tests (1:10 of typ. 2:00)\n*Data:* writer us-east-1, RPO measured 1.4 s · *Service:* API down for customers since 14:04\nRTO 30 min: forecast 29 min, 1 min of margin — the traffic decision is on the critical path",
            "*Fait depuis 14:20 :* Redis promu (prouvé) · secrets vers us-east-1 · API redémarrée, 12 sur 12 prêts\n*En cours :* tests de bon fonctionnement (1:10 sur 2:00)\n*Données :* écrivain us-east-1, RPO mesuré 1,4 s · *Service :* API indisponible depuis 14:04\nRTO 30 min : prévision 29 min, 1 min de marge — la décision de trafic est sur le chemin critique",
        )),
        context(t("written automatically from the record", "rédigé depuis le journal")),
    ]
}

pub(super) fn entries(t: Pick<'_>) -> Vec<Entry> {
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

pub(super) fn modal(t: Pick<'_>) -> Value {
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
