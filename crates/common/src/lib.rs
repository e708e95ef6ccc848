//! What the `k8s.tars.io` group is: its kinds, their rules, their definitions, the names that go with them. Pure: no client, no
//! clock, no I/O.
//!
//! ```text
//!  crd/rules.txt ◄──── compared ────► schema ──► crd ──► `tarscontroller crd`, the chart
//!  (spec, one line a field)             ▲
//!                                       │ derived
//!  JSON of any client ──lenient──► v1beta1, v1beta2, v1beta3 ──strict──► JSON that the schema accepts
//!                                       │
//!              admission (default, refuse), convert (version to version), core Kubernetes types
//! ```
//!
//! # Rules of the types
//!
//! - A field and its rule are written once, in [`kinds`]; versions share what they have in common. Regular expressions are in
//!   [`rules`]. The schema comes from the types; the table [`crd::table::RULES`] says what it must be, and a test compares them.
//! - Decoding accepts what any version of the existing clients writes: `null` for lists and maps, absent fields that the schema
//!   would have filled, unknown fields, numbers where an amount is text, times that are none. It refuses an object that lacks a field
//!   which the schema requires and has no default for; watch such kinds through `kube`'s `DeserializeGuard`.
//! - Encoding writes what the schema accepts: absent rather than `null`, lists as `[]` where the schema has that default, times in
//!   UTC with whole seconds.
//! - `Default` of a type is what the schema fills in.
//!
//! # Where the schemas differ from the existing system's
//!
//! Whatever the existing schemas accept, ours accept too; stored objects and manifests need no change.
//!
//! | kind | what | why |
//! | --- | --- | --- |
//! | all with image fields | images may have upper case, `_` and `@` (digests), in all versions | every legal reference must be usable |
//! | TServer | `configMapKeyRef.key` and `secretKeyRef.key` follow core Kubernetes (`tls.crt`, up to 253 characters) | most keys have a `.` |
//! | TServer v1beta3 | `livenessProbe`, `readinessProbe`, `startupProbe`, `securityContext` and `podSecurityContext` of `spec.k8s`, all optional; earlier versions keep them in an annotation | servers must be probed, and run with no more rights than they need |
//! | TServer | `status.conditions`, `status.observedGeneration`, both optional, in all versions | users must see what is wrong |
//! | TServer | the column `Repicas` is spelt `Replicas`; v1beta3 has the column `Status`, the reason of the condition Ready | |
//! | all with columns | the column `Age` is last | naming columns removes Kubernetes' own |
//! | TExitedRecord, TTree | short names `ter`, `ttr` | they had none |
//! | all | keywords that were misspelt or out of place (`require`, `parrern`, `required` beside `items`) are gone | they had no effect, and strict validation refuses them |
//!
//! `updateStrategy.rollingUpdate` is still filled in for the strategy `OnDelete`, as clients expect to read it; use
//! [`kinds::tserver::UpdateStrategy::effective_rolling_update`] to build workloads, which must not have it.

#![deny(missing_docs)]

pub mod admission;
pub mod convert;
pub mod crd;
mod kind;
pub mod kinds;
pub mod lenient;
pub mod names;
pub mod node_labels;
pub mod rules;
mod schema;
pub mod templates;
pub mod v1beta1;
pub mod v1beta2;
pub mod v1beta3;
