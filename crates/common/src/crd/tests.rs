use serde_json::Value;

use super::*;

fn served_everywhere() -> CrdOptions {
    CrdOptions { served: Version::ALL.to_vec(), ..CrdOptions::default() }
}

#[test]
fn tmp() {
    println!("{}", render(&all(&served_everywhere())).unwrap());
    println!("=====\n{}", render_chart().unwrap());
}
