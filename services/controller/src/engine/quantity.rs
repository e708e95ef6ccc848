//! Amounts as Kubernetes writes them, such as `500m` and `1Gi`.

/// The finest part of an amount that counts: all values here are multiples of it.
const UNITS_OF_ONE: i128 = 1_000_000_000;

/// The suffixes with their values, the greatest first.
const SUFFIXES: [(&str, i128); 16] = [
    ("Ei", UNITS_OF_ONE << 60),
    ("E", UNITS_OF_ONE * 1_000_000_000_000_000_000),
    ("Pi", UNITS_OF_ONE << 50),
    ("P", UNITS_OF_ONE * 1_000_000_000_000_000),
    ("Ti", UNITS_OF_ONE << 40),
    ("T", UNITS_OF_ONE * 1_000_000_000_000),
    ("Gi", UNITS_OF_ONE << 30),
    ("G", UNITS_OF_ONE * 1_000_000_000),
    ("Mi", UNITS_OF_ONE << 20),
    ("M", UNITS_OF_ONE * 1_000_000),
    ("Ki", UNITS_OF_ONE << 10),
    ("k", UNITS_OF_ONE * 1_000),
    ("", UNITS_OF_ONE),
    ("m", UNITS_OF_ONE / 1_000),
    ("u", UNITS_OF_ONE / 1_000_000),
    ("n", 1),
];

/// The value of a Kubernetes quantity in units of 10⁻⁹; `None` if the text is not a quantity or the value does not fit.
pub fn parse_quantity(text: &str) -> Option<i128> {
    let end = text.find(|c: char| !matches!(c, '0'..='9' | '.' | '+' | '-')).unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let negative = number.starts_with('-');
    let number = number.trim_start_matches(['+', '-']);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let fraction = fraction.get(..fraction.len().min(9))?;
    let digits: i128 = format!("{whole}{fraction:0<9}").parse().ok()?;
    let value = match SUFFIXES.iter().find(|(known, _)| *known == suffix) {
        Some((_, units)) if *units < UNITS_OF_ONE => digits / (UNITS_OF_ONE / units),
        Some((_, units)) => digits.checked_mul(units / UNITS_OF_ONE)?,
        None => {
            let power: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            let scale = 10_i128.checked_pow(power.unsigned_abs())?;
            if power < 0 { digits / scale } else { digits.checked_mul(scale)? }
        }
    };
    Some(if negative { -value } else { value })
}

/// The one spelling of a quantity that all its spellings share: the smallest whole number with a suffix. A text that is no quantity stays.
pub fn normalise_quantity(text: &str) -> String {
    match parse_quantity(text) {
        None => text.to_owned(),
        Some(0) => "0".to_owned(),
        Some(value) => {
            let (suffix, units) = SUFFIXES.iter().find(|(_, units)| value % units == 0).unwrap_or(&("n", 1));
            format!("{}{suffix}", value / units)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_of_every_notation_have_a_value() {
        for (left, right) in
            [("1", "1000m"), ("1e3", "1k"), ("2.5Gi", "2560Mi"), ("1G", "1000M"), ("-1", "-1000m"), ("100n", "0.0000001")]
        {
            assert_eq!(parse_quantity(left), parse_quantity(right), "{left} {right}");
            assert!(parse_quantity(left).is_some(), "{left}");
        }
        for bad in ["", "x", "1x", "1e", ".", "99999999999999999999999999999999999999999"] {
            assert_eq!(parse_quantity(bad), None, "{bad}");
        }
    }

    #[test]
    fn equal_amounts_have_one_spelling_and_the_usual_ones_are_it() {
        for (spelling, one) in [
            ("0.5", "500m"),
            ("0.50", "500m"),
            ("5e-1", "500m"),
            ("1000m", "1"),
            ("1024Mi", "1Gi"),
            ("1073741824", "1Gi"),
            ("1.5Gi", "1536Mi"),
            ("1000M", "1G"),
            ("0Mi", "0"),
            ("-1000m", "-1"),
            ("100n", "100n"),
        ] {
            assert_eq!(normalise_quantity(spelling), one, "{spelling}");
        }
        for usual in ["500m", "1", "2", "250m", "64Mi", "256Mi", "1Gi", "512M", "10G", "not one", ""] {
            assert_eq!(normalise_quantity(usual), usual);
        }
    }
}
