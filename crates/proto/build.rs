//! Generates the gRPC code from the folder `proto` of the repository, and the descriptors for server reflection. It does not need
//! protoc.

use prost::Message as _;
use std::{env, error::Error, fs, path::PathBuf};

const ROOT: &str = "../../proto";
/// The contracts, each with the file of its descriptors. A package becomes one module.
const CONTRACTS: [(&str, &str); 3] = [
    ("tars/controller/v1/controller.proto", "tars.controller.v1.bin"),
    ("tars/registry/v1/registry.proto", "tars.registry.v1.bin"),
    ("tars/webhook/v1/webhook.proto", "tars.webhook.v1.bin"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo:rerun-if-changed={ROOT}");
    for (file, descriptors) in CONTRACTS {
        let set = protox::compile([file], [ROOT])?;
        fs::write(out.join(descriptors), set.encode_to_vec())?;
        tonic_prost_build::configure().compile_fds(set)?;
    }
    Ok(())
}
