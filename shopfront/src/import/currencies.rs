//! ISO 4217: the codes in use, and how many minor units make a major one.

/// Two decimals, as most have.
const HUNDREDTHS: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF \
    CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS \
    INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD \
    NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP \
    SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG";
/// None.
const WHOLE: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF";
/// Three.
const THOUSANDTHS: &str = "BHD IQD JOD KWD LYD OMR TND";

/// All codes.
pub(super) fn codes() -> Vec<&'static str> {
    [HUNDREDTHS, WHOLE, THOUSANDTHS].iter().flat_map(|codes| codes.split_whitespace()).collect()
}

/// How many minor units a major one has; of an unknown code, what most have.
pub(super) fn minor_per_major(code: &str) -> f64 {
    let is_in = |codes: &str| codes.split_whitespace().any(|known| known == code);
    if is_in(WHOLE) {
        1.0
    } else if is_in(THOUSANDTHS) {
        1_000.0
    } else {
        100.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_three_capitals_each_once() {
        let codes = codes();
        let mut once = codes.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), codes.len());
        assert!(
            codes.iter().all(|code| code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()))
        );
        assert_eq!(["KRW", "GBP", "KWD", "XXX"].map(minor_per_major), [1.0, 100.0, 1_000.0, 100.0]);
    }
}
