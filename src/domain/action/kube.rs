//! Kubernetes, whichever cluster.

use super::{ActionSpec, Danger, Repeat, Undo};
use crate::domain::yaml::shape::{Shape, field};

pub(super) const ALL: &[ActionSpec] = &[
    ActionSpec {
        name: "k8s.scale",
        about: "Set the number of replicas of workloads in one namespace",
        parameters: &[
            field("context", Shape::Text).required().doc("kubeconfig context of the cluster"),
            field("namespace", Shape::Text).required(),
            field("workloads", Shape::Texts)
                .required()
                .doc("`deployment/name` or `rollout/name`; a bare name is a deployment"),
            field("replicas", Shape::Whole).required(),
        ],
        facts: &["reachable", "replicas", "ready", "at_target"],
        danger: Danger::Changes,
        repeat: Repeat::NamesState,
        undo: Undo::Possible,
    },
    ActionSpec {
        name: "k8s.restart",
        about: "Restart the pods of workloads, as `kubectl rollout restart` does",
        parameters: &[
            field("context", Shape::Text).required().doc("kubeconfig context of the cluster"),
            field("namespace", Shape::Text).required(),
            field("workloads", Shape::Texts)
                .required()
                .doc("`deployment/name` or `rollout/name`; a bare name is a deployment"),
        ],
        facts: &["reachable", "restarted", "ready", "desired", "settled"],
        danger: Danger::Changes,
        repeat: Repeat::NamesState,
        undo: Undo::None("undo.none.k8s_restart"),
    },
];
