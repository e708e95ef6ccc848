//! TAccount: passwords are stored as hashes, and names follow from user names (docs/reference/admission.md#5.4 and docs/reference/admission.md#6.5).

use super::{Denial, Kind, Operation, Request, json};
use md5::{Digest as _, Md5};
use serde_json::{Value, json};
use sha1::Sha1;
use std::fmt::Write as _;

/// What kubectl copies the applied object into, clear text and all.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// The cost that the front end's hashes have. Hashing takes milliseconds at it; an admission request must not take seconds.
const BCRYPT_COST: u32 = 6;
const AUTHENTICATION: &str = "/spec/authentication";
const BCRYPT: &str = "/spec/authentication/bcryptPassword";

pub(super) fn mutate(request: &Request<'_>, object: &mut Value) -> Result<(), Denial> {
    json::remove_annotation(object, LAST_APPLIED);
    let changed = json::text(object, BCRYPT) != json::text(request.old, BCRYPT);
    let Some(authentication) = json::members(object, AUTHENTICATION) else { return Ok(()) };
    let password = authentication.shift_remove("password").unwrap_or_default();
    let fresh = password.is_string();
    if let Some(password) = password.as_str() {
        let hash = hash(password, request.salt)?;
        authentication.insert("bcryptPassword".to_owned(), Value::from(hash));
    }
    if request.operation == Operation::Create || fresh || changed {
        // Whoever logged in with another password logs in again.
        authentication.insert("tokens".to_owned(), json!([]));
    }
    Ok(())
}

/// bcrypt of the hexadecimal SHA-1 of the clear text: weak by today's measure, but what the front ends compare with.
fn hash(password: &str, salt: [u8; 16]) -> Result<String, Denial> {
    let legal = (6..=32).contains(&password.len()) && password.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
    let hashed = bcrypt::hash_with_salt(hex(&Sha1::digest(password)), BCRYPT_COST, salt);
    match hashed {
        Ok(parts) if legal => Ok(parts.format_for_version(bcrypt::Version::TwoA)),
        // bcrypt refuses costs and lengths that cannot occur here; if it did, the password would be at fault all the same.
        _ => Err(Denial::forbidden(
            r"password should match pattern ^[\x21-\x7e]{6,32}$",
            "use 6 to 32 printable ASCII characters without spaces",
        )),
    }
}

pub(super) fn validate(request: &Request<'_>) -> Result<(), Denial> {
    let exempt = request.operation == Operation::Update && (request.by_controller() || request.is_metadata_only());
    if exempt || request.operation == Operation::Delete {
        return Ok(());
    }
    let expected = hex(&Md5::digest(json::text(request.object, "/spec/username")));
    if request.name == expected {
        return Ok(());
    }
    let remedy = format!("with this .spec.username, metadata.name must be {expected} (its MD5); user names cannot change");
    Err(Denial::invalid(Kind::Account, "unexpected resource name", remedy))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Facts, mutate, tests::Fixture, validate};
    use super::*;

    fn account(authentication: &Value) -> Value {
        json!({
            "apiVersion": "k8s.tars.io/v1beta3", "kind": "TAccount",
            "metadata": {"name": "21232f297a57a5a743894a0e4a801fc3", "annotations": {LAST_APPLIED: "{clear}", "kept": "x"}},
            "spec": {"username": "admin", "authentication": authentication, "authorization": []},
        })
    }

    #[test]
    fn clear_text_is_replaced_by_a_hash_that_verifies() {
        let fixture = Fixture::create(Kind::Account, account(&json!({"password": "Correct-Horse", "tokens": [{"name": "old"}]})));
        let stored = mutate(&fixture.request(), &Facts::default()).unwrap();
        assert!(!stored.to_string().contains("Correct-Horse") && !stored.to_string().contains("clear"), "{stored}");
        assert_eq!(stored["metadata"]["annotations"], json!({"kept": "x"}));
        assert_eq!(stored["spec"]["authentication"]["tokens"], json!([]));
        let hash = stored["spec"]["authentication"]["bcryptPassword"].as_str().unwrap();
        assert!(hash.starts_with("$2a$06$") && hash.len() == 60, "{hash}");
        assert!(bcrypt::verify(hex(&Sha1::digest("Correct-Horse")), hash).unwrap());
    }

    #[test]
    fn tokens_end_with_the_password_that_they_were_made_for() {
        let tokens = json!([{"name": "login"}]);
        let mut fixture = Fixture::create(Kind::Account, account(&json!({"bcryptPassword": "a", "tokens": tokens})));
        fixture.operation = Operation::Update;
        fixture.old = fixture.object.clone();
        let stored = mutate(&fixture.request(), &Facts::default()).unwrap();
        assert_eq!(stored["spec"]["authentication"]["tokens"], tokens);
        fixture.old["spec"]["authentication"]["bcryptPassword"] = json!("b");
        let stored = mutate(&fixture.request(), &Facts::default()).unwrap();
        assert_eq!(stored["spec"]["authentication"]["tokens"], json!([]));
    }

    #[test]
    fn bad_passwords_and_names_are_refused() {
        for password in ["short", "with a space", &"x".repeat(33), "Geheimniß-lang"] {
            let fixture = Fixture::create(Kind::Account, account(&json!({"password": password})));
            let text = mutate(&fixture.request(), &Facts::default()).unwrap_err().to_string();
            assert!(text.starts_with(r"password should match pattern ^[\x21-\x7e]{6,32}$;"), "{text}");
            assert!(!text.contains(password), "the clear text is not repeated: {text}");
        }
        let mut fixture = Fixture::create(Kind::Account, account(&json!({"bcryptPassword": "a"})));
        assert!(validate(&fixture.request(), &Facts::default()).is_ok());
        fixture.object["spec"]["username"] = json!("root");
        let text = validate(&fixture.request(), &Facts::default()).unwrap_err().to_string();
        assert!(text.contains("taccount resource is invalid : unexpected resource name; with this .spec.username"), "{text}");
    }
}
