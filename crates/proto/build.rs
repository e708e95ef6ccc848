//! Generates the gRPC code of /proto, and the descriptors that reflection serves. No protoc is needed.

use prost::Message as _;
use std::{env, error::Error, fs, path::PathBuf};

const ROOT: &str = "../../proto";
/// File by file; each package becomes one generated module and one descriptor set.
const CONTRACTS: [(&str, &str); 1] = [("tars/registry/v1/registry.proto", "tars.registry.v1.bin")];

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
