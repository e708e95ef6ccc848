//! TAccount: passwords are stored as hashes, and the object's name is derived from the user name (docs/reference/admission.md#5.4 and
//! docs/reference/admission.md#6.5).

use crate::admission::{
    denial::Denial,
    json,
    request::{Operation, Request},
    resource::Resource,
};
use md5::{Digest as _, Md5};
use serde_json::{Value, json};
use sha1::Sha1;
use std::fmt::Write as _;

/// The annotation into which kubectl copies the applied object, the password in clear text included.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// The cost factor of bcrypt, equal to that of the front ends. Hashing then takes milliseconds; an admission request must not take
/// seconds.
const BCRYPT_COST: u32 = 6;
const AUTHENTICATION: &str = "/spec/authentication";
const BCRYPT: &str = "/spec/authentication/bcryptPassword";

pub(super) fn mutate(request: &Request<'_>, object: &mut Value) -> Result<(), Denial> {
    json::remove_annotation(object, LAST_APPLIED);
    let changed = json::text(object, BCRYPT) != json::text(request.old, BCRYPT);
    let Some(authentication) = json::members(object, AUTHENTICATION) else { return Ok(()) };
    // A denial must leave the password: an update of metadata only stores the object in spite of it.
    let hash = match authentication.get("password").and_then(Value::as_str) {
        Some(password) => Some(hash_password(password, request.salt)?),
        None => None,
    };
    authentication.shift_remove("password");
    let fresh = hash.is_some();
    if let Some(hash) = hash {
        authentication.insert("bcryptPassword".to_owned(), Value::from(hash));
    }
    if request.operation == Operation::Create || fresh || changed {
        // A login with the old password must not outlive it.
        authentication.insert("tokens".to_owned(), json!([]));
    }
    Ok(())
}

/// Returns the bcrypt hash of the hexadecimal SHA-1 of the clear text. SHA-1 is weak today, but the front ends compare with this hash.
fn hash_password(password: &str, salt: [u8; 16]) -> Result<String, Denial> {
    let legal = (6..=32).contains(&password.len()) && password.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
    let hashed = bcrypt::hash_with_salt(encode_hex(&Sha1::digest(password)), BCRYPT_COST, salt);
    match hashed {
        Ok(parts) if legal => Ok(parts.format_for_version(bcrypt::Version::TwoA)),
        // bcrypt fails only for costs and lengths that cannot occur here. If it failed, the password would be the cause.
        _ => Err(Denial::forbidden(
            "5.4.2",
            r"password should match pattern ^[\x21-\x7e]{6,32}$",
            "use 6 to 32 printable ASCII characters without spaces",
        )
        .at("spec.authentication.password")),
    }
}

pub(super) fn validate(request: &Request<'_>) -> Result<(), Denial> {
    let exempt = request.operation == Operation::Update && (request.is_from_controller() || request.is_metadata_only());
    if exempt || request.operation == Operation::Delete {
        return Ok(());
    }
    let expected = encode_hex(&Md5::digest(json::text(request.object, "/spec/username")));
    if request.name == expected {
        return Ok(());
    }
    let remedy = format!("with this .spec.username, metadata.name must be {expected} (its MD5); user names cannot change");
    Err(Denial::invalid("6.5.1", Resource::Account, "unexpected resource name", remedy).at("metadata.name"))
}

fn encode_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::{Facts, mutate, tests::Fixture, validate};

    fn account(authentication: &Value) -> Value {
        json!({
            "apiVersion": "k8s.tars.io/v1beta3", "kind": "TAccount",
            "metadata": {"name": "21232f297a57a5a743894a0e4a801fc3", "annotations": {LAST_APPLIED: "{clear}", "kept": "x"}},
            "spec": {"username": "admin", "authentication": authentication, "authorization": []},
        })
    }

    #[test]
    fn clear_text_is_replaced_by_a_hash_that_verifies() {
        let fixture =
            Fixture::create(Resource::Account, account(&json!({"password": "Correct-Horse", "tokens": [{"name": "old"}]})));
        let stored = mutate(&fixture.request(), &Facts::default()).unwrap();
        assert!(!stored.to_string().contains("Correct-Horse") && !stored.to_string().contains("clear"), "{stored}");
        assert_eq!(stored["metadata"]["annotations"], json!({"kept": "x"}));
        assert_eq!(stored["spec"]["authentication"]["tokens"], json!([]));
        let hash = stored["spec"]["authentication"]["bcryptPassword"].as_str().unwrap();
        assert!(hash.starts_with("$2a$06$") && hash.len() == 60, "{hash}");
        assert!(bcrypt::verify(encode_hex(&Sha1::digest("Correct-Horse")), hash).unwrap());
    }

    #[test]
    fn tokens_end_with_the_password_that_they_were_made_for() {
        let tokens = json!([{"name": "login"}]);
        let mut fixture = Fixture::create(Resource::Account, account(&json!({"bcryptPassword": "a", "tokens": tokens})));
        fixture.operation = Operation::Update;
        fixture.old = fixture.object.clone();
        let stored = mutate(&fixture.request(), &Facts::default()).unwrap();
        assert_eq!(stored["spec"]["authentication"]["tokens"], tokens);
        fixture.old["spec"]["authentication"]["bcryptPassword"] = json!("b");
        let stored = mutate(&fixture.request(), &Facts::default()).unwrap();
        assert_eq!(stored["spec"]["authentication"]["tokens"], json!([]));
    }

    #[test]
    fn an_update_of_metadata_alone_keeps_a_stored_password_that_is_not_legal() {
        let mut fixture =
            Fixture::create(Resource::Account, account(&json!({"password": "short", "tokens": [{"name": "login"}]})));
        fixture.operation = Operation::Update;
        fixture.old = fixture.object.clone();
        fixture.object["metadata"]["finalizers"] = json!([]);
        let stored = mutate(&fixture.request(), &Facts::default()).unwrap();
        assert_eq!(stored["spec"], fixture.old["spec"]);
    }

    #[test]
    fn bad_passwords_and_names_are_refused() {
        for password in ["short", "with a space", &"x".repeat(33), "Geheimniß-lang"] {
            let fixture = Fixture::create(Resource::Account, account(&json!({"password": password})));
            let text = mutate(&fixture.request(), &Facts::default()).unwrap_err().to_string();
            assert!(text.starts_with(r"password should match pattern ^[\x21-\x7e]{6,32}$;"), "{text}");
            assert!(!text.contains(password), "the clear text is not repeated: {text}");
        }
        let mut fixture = Fixture::create(Resource::Account, account(&json!({"bcryptPassword": "a"})));
        assert!(validate(&fixture.request(), &Facts::default()).is_ok());
        fixture.object["spec"]["username"] = json!("root");
        let text = validate(&fixture.request(), &Facts::default()).unwrap_err().to_string();
        assert!(text.contains("taccount resource is invalid : unexpected resource name; with this .spec.username"), "{text}");
    }
}
