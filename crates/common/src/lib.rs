//! The kinds of the group `k8s.tars.io`: their types, rules, definitions and names. The crate is pure: it has no client, no clock and
//! no I/O.
//!
//! ```text
//!  JSON of any client ──lenient──► v1beta1, v1beta2, v1beta3 ──strict──► JSON that the schema accepts
//!                                       │
//!                                       │ generated
//!                                       ▼
//!                                    schema ──► crd ──► `tarscontroller crd`, the chart
//!
//!  JSON of the API server ──► admission (defaults, denials), convert (version to version)
//! ```
//!
//! # Principles
//!
//! - The types are the source of the schemas. [`kinds`] declares each field and its rule once, and versions share equal fields.
//!   [`rules`] holds the regular expressions. A test in `integration/schema` compares the schemas with a table of all rules.
//! - Decoding accepts all that the existing clients write in any version: `null` for lists and maps, absent fields that have a
//!   default, unknown fields, numbers in the place of text for amounts, and texts that are not times. Decoding fails if a required
//!   field without default is missing. Watch such kinds through `DeserializeGuard` of `kube`.
//! - Encoding writes JSON that the schema accepts: absent fields instead of `null`, `[]` for lists with that default, times in UTC
//!   with whole seconds.
//! - `Default` of a type is equal to the defaults of the schema.
//!
//! # Differences from the schemas of the existing system
//!
//! Our schemas accept everything that the existing schemas accept. Stored objects and manifests need no change.
//!
//! | kind | difference | reason |
//! | --- | --- | --- |
//! | all kinds with images | image references may contain upper case, `_` and `@` (digests), in all versions | every legal reference must be usable |
//! | TServer | `configMapKeyRef.key` and `secretKeyRef.key` have the rules of core Kubernetes (`tls.crt`, up to 253 characters) | most keys contain a `.` |
//! | TServer | names and prefixes of environment variables have the rule of core Kubernetes 1.34 (printable ASCII without `=`) | what a pod may have, a server may have |
//! | TServer v1beta3 | `livenessProbe`, `readinessProbe`, `startupProbe`, `securityContext` and `podSecurityContext` of `spec.k8s`, all optional; earlier versions keep them in an annotation | servers need probes, and must not run with more rights than they need |
//! | TServer v1beta3 | `disruption` of `spec.k8s`, optional; earlier versions keep it in an annotation | the drain of several nodes must not take all pods |
//! | TServer v1beta3, TFrameworkConfig | `hostTimezone` of `spec.k8s`, which earlier versions keep in an annotation, and of the root; both optional | the Pod Security level `baseline` allows no volume of the node |
//! | TServer v1beta3 | `podAnnotations`, `podLabels`, `tolerations`, `priorityClassName`, `schedulerName`, `terminationGracePeriodSeconds`, `workingDir` of `spec.k8s` and `nfs` of a mount's source, all optional; earlier versions keep them in an annotation | other parts of a cluster read labels and annotations of pods, and nodes are shared out by taints |
//! | TServer v1beta3 | `progressDeadlineSeconds` of `spec.k8s`, optional; earlier versions keep it in an annotation | users know it from Deployments |
//! | TServer | `status.conditions`, `status.observedGeneration` and `status.rollout`, all optional, in all versions | users must see problems |
//! | TServer | the column `Repicas` is spelt `Replicas`; v1beta3 begins with the column `Status`, which shows the reason of the condition Ready | the first look must tell what is wrong |
//! | TEndpoint, TExitedRecord, TTree, TFrameworkConfig | they have columns | likewise |
//! | TPlugin v1beta1 | `spec.extern`, optional, as in the later versions | a writer of v1beta1 would remove it |
//! | all kinds with columns | the column `Age` is last | custom columns remove those of Kubernetes |
//! | TExitedRecord, TTree | short names `ter`, `ttr` | they had no short names |
//! | all kinds | misspelt or misplaced keywords (`require`, `parrern`, `required` beside `items`) are gone | they had no effect, and strict validation refuses them |
//!
//! The schema fills in `updateStrategy.rollingUpdate` also for the strategy `OnDelete`, because clients expect to read it. A workload
//! must not have it then; use [`kinds::tserver::UpdateStrategy::effective_rolling_update`] to build workloads.

#![deny(missing_docs)]

pub mod activation;
pub mod admission;
#[cfg(test)]
mod by_chance;
pub mod convert;
pub mod crd;
pub mod derived;
pub mod file_mode;
mod kind;
pub mod kinds;
pub mod kube_syntax;
pub mod lenient;
pub mod lint;
pub mod managed;
pub mod names;
pub mod node_labels;
pub mod pod_keys;
pub mod replicas;
pub mod rules;
mod schema;
pub mod structural;
pub mod templates;
pub mod v1beta1;
pub mod v1beta2;
pub mod v1beta3;
pub mod version;
