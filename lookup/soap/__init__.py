"""The SOAP face: today's register and Adresseregisteret, for clients that were generated from their descriptions."""
