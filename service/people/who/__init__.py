"""Who somebody is: names, birth date, home, phones and contacts of synthetic people, cheap enough to make 100,000."""
