// Generated from schemas/ by `npm run generate`. Do not edit: a test regenerates it.

export const SCHEMAS = {
 "day.closed.v1": [
  {
   "type": "record",
   "name": "DayClosed",
   "namespace": "no.postgang",
   "doc": "A day is over, and its root was signed: what anybody may keep, to hold the operator to it. One for each day; a second one about a day says which it replaces.",
   "fields": [
    {
     "name": "day",
     "type": "string",
     "doc": "The day in Norway, YYYY-MM-DD. It is the record's key, and stands in the statement too: what the statement says counts."
    },
    {
     "name": "statement",
     "type": "string",
     "doc": "The day's root as signed (compact JWS, format in libs/evidence). Evidence of a letter holds the very same bytes."
    }
   ]
  }
 ],
 "letter.accepted.v1": [
  {
   "type": "record",
   "name": "LetterAccepted",
   "namespace": "no.postgang",
   "doc": "Durable at Postgang: documents, letter and this event.",
   "fields": [
    {
     "name": "letter",
     "type": {
      "type": "record",
      "name": "Letter",
      "doc": "An accepted letter. Sealed strings are sealed in scope \"internal\".",
      "fields": [
       {
        "name": "letterId",
        "type": {
         "type": "string",
         "logicalType": "uuid"
        },
        "doc": "uuidv5(namespace, sender/reference)."
       },
       {
        "name": "sender",
        "type": "string",
        "doc": "Organisation number of the agency the letter is from."
       },
       {
        "name": "senderName",
        "type": [
         "null",
         "string"
        ],
        "default": null,
        "doc": "The agency's name as it was registered with us when the letter was accepted; absent in older letters."
       },
       {
        "name": "supplier",
        "type": [
         "null",
         "string"
        ],
        "default": null,
        "doc": "Organisation number of who handed it in for the agency."
       },
       {
        "name": "reference",
        "type": "string",
        "doc": "The agency's own reference; unique per agency."
       },
       {
        "name": "kind",
        "type": {
         "type": "enum",
         "name": "LegalKind",
         "doc": "Legal kind of the letter; the first four bring notice (eForvaltningsforskriften §8) and reservation (§9) with them.",
         "symbols": [
          "ENKELTVEDTAK",
          "FORHANDSVARSEL",
          "RETTSSTILLING",
          "SARLIG_BETYDNING",
          "INFORMATION",
          "UNKNOWN"
         ],
         "default": "UNKNOWN"
        },
        "doc": "Legal kind."
       },
       {
        "name": "recipient",
        "type": {
         "type": "bytes",
         "logicalType": "sealed-string"
        },
        "doc": "National identity number of the recipient, 11 digits."
       },
       {
        "name": "title",
        "type": {
         "type": "bytes",
         "logicalType": "sealed-string"
        },
        "doc": "Title; shown only after log-in at the letter's security level."
       },
       {
        "name": "nonSensitiveTitle",
        "type": {
         "type": "bytes",
         "logicalType": "sealed-string"
        },
        "doc": "Title without anything sensitive, used in notices."
       },
       {
        "name": "language",
        "type": "string",
        "doc": "ISO 639-1, two letters."
       },
       {
        "name": "securityLevel",
        "type": "int",
        "doc": "Log-in level the recipient needs: 3 or 4."
       },
       {
        "name": "documents",
        "type": {
         "type": "array",
         "items": {
          "type": "record",
          "name": "Document",
          "doc": "One document of the letter; the first is the main document.",
          "fields": [
           {
            "name": "title",
            "type": {
             "type": "bytes",
             "logicalType": "sealed-string"
            },
            "doc": "Title shown to the recipient after log-in."
           },
           {
            "name": "mediaType",
            "type": "string",
            "doc": "Media type, checked against the content."
           },
           {
            "name": "ref",
            "type": "string",
            "doc": "Claim check into the document store."
           },
           {
            "name": "size",
            "type": "long",
            "doc": "Size in bytes."
           },
           {
            "name": "sha256",
            "type": "bytes",
            "doc": "SHA-256 of the content."
           }
          ]
         }
        },
        "doc": "Main document first, then attachments in order."
       },
       {
        "name": "print",
        "type": [
         "null",
         {
          "type": "record",
          "name": "PrintOptions",
          "doc": "How the letter is printed, if it is.",
          "fields": [
           {
            "name": "colour",
            "type": {
             "type": "enum",
             "name": "Colour",
             "doc": "Black and white or colour.",
             "symbols": [
              "BLACK_WHITE",
              "COLOUR",
              "UNKNOWN"
             ],
             "default": "UNKNOWN"
            },
            "doc": "Colour of every sheet."
           },
           {
            "name": "postClass",
            "type": {
             "type": "enum",
             "name": "PostClass",
             "doc": "Class of post.",
             "symbols": [
              "A",
              "B",
              "UNKNOWN"
             ],
             "default": "UNKNOWN"
            },
            "doc": "A = priority, B = economy."
           },
           {
            "name": "returnAddress",
            "type": {
             "type": "record",
             "name": "ReturnAddress",
             "doc": "Where undeliverable post goes: the agency, never a person.",
             "fields": [
              {
               "name": "name",
               "type": "string",
               "doc": "Name of the agency or its unit."
              },
              {
               "name": "lines",
               "type": {
                "type": "array",
                "items": "string"
               },
               "doc": "One to four address lines."
              },
              {
               "name": "postalCode",
               "type": [
                "null",
                "string"
               ],
               "default": null,
               "doc": "Four digits; absent for an address abroad."
              },
              {
               "name": "city",
               "type": [
                "null",
                "string"
               ],
               "default": null,
               "doc": "Norwegian post town; absent for an address abroad."
              },
              {
               "name": "countryCode",
               "type": [
                "null",
                "string"
               ],
               "default": null,
               "doc": "ISO 3166-1 alpha-2, only for an address abroad."
              }
             ]
            },
            "doc": "Return address."
           },
           {
            "name": "returnHandling",
            "type": {
             "type": "enum",
             "name": "ReturnHandling",
             "doc": "What is done with returned post.",
             "symbols": [
              "RETURN",
              "SHRED_WITH_MESSAGE",
              "UNKNOWN"
             ],
             "default": "UNKNOWN"
            },
            "doc": "Sent back, or shredded and reported."
           }
          ]
         }
        ],
        "default": null,
        "doc": "Print options; without them the letter cannot go on paper."
       },
       {
        "name": "notice",
        "type": [
         "null",
         {
          "type": "record",
          "name": "Notice",
          "doc": "How the recipient is told about the letter.",
          "fields": [
           {
            "name": "emailText",
            "type": [
             "null",
             {
              "type": "bytes",
              "logicalType": "sealed-string"
             }
            ],
            "default": null,
            "doc": "Text of the mailbox provider's e-mail notice, at most 500 characters."
           },
           {
            "name": "smsText",
            "type": [
             "null",
             {
              "type": "bytes",
              "logicalType": "sealed-string"
             }
            ],
            "default": null,
            "doc": "Text of the mailbox provider's SMS notice, at most 160 characters."
           },
           {
            "name": "serviceMessage",
            "type": "boolean",
            "doc": "An e-mail service message from Postgang, without legal effect; only with kind INFORMATION.",
            "default": false
           }
          ]
         }
        ],
        "default": null,
        "doc": "Notices ordered by the sender."
       },
       {
        "name": "openingReceipt",
        "type": "boolean",
        "doc": "The sender wants to know when the letter is opened.",
        "default": false
       },
       {
        "name": "effectiveAt",
        "type": [
         "null",
         {
          "type": "long",
          "logicalType": "timestamp-millis"
         }
        ],
        "default": null,
        "doc": "Not visible to the recipient before this time."
       },
       {
        "name": "avsenderidentifikator",
        "type": [
         "null",
         "string"
        ],
        "default": null,
        "doc": "The sender's unit as registered at the mailboxes."
       },
       {
        "name": "invoiceReference",
        "type": [
         "null",
         "string"
        ],
        "default": null,
        "doc": "Put on the provider's invoice, at most 40 characters."
       },
       {
        "name": "caseReference",
        "type": [
         "null",
         "string"
        ],
        "default": null,
        "doc": "The sender's case, only carried along."
       },
       {
        "name": "contentHash",
        "type": "bytes",
        "doc": "SHA-256 over the fields that make the letter what it is; version in the first byte."
       },
       {
        "name": "door",
        "type": {
         "type": "enum",
         "name": "Door",
         "doc": "Where the letter was handed in.",
         "symbols": [
          "REST",
          "KAFKA",
          "UNKNOWN"
         ],
         "default": "UNKNOWN"
        },
        "doc": "REST or the agency's ingress topic."
       },
       {
        "name": "acceptedAt",
        "type": {
         "type": "long",
         "logicalType": "timestamp-millis"
        },
        "doc": "When the letter was accepted."
       }
      ]
     },
     "doc": "The letter."
    }
   ]
  },
  {
   "type": "record",
   "name": "LetterAccepted",
   "namespace": "no.postgang",
   "doc": "Durable at Postgang: documents, letter and this event.",
   "fields": [
    {
     "name": "letter",
     "type": {
      "type": "record",
      "name": "Letter",
      "doc": "An accepted letter. Sealed strings are sealed in scope \"internal\".",
      "fields": [
       {
        "name": "letterId",
        "type": {
         "type": "string",
         "logicalType": "uuid"
        },
        "doc": "uuidv5(namespace, sender/reference)."
       },
       {
        "name": "sender",
        "type": "string",
        "doc": "Organisation number of the agency the letter is from."
       },
       {
        "name": "senderName",
        "type": [
         "null",
         "string"
        ],
        "default": null,
        "doc": "The agency's name as it was registered with us when the letter was accepted; absent in older letters."
       },
       {
        "name": "supplier",
        "type": [
         "null",
         "string"
        ],
        "default": null,
        "doc": "Organisation number of who handed it in for the agency."
       },
       {
        "name": "reference",
        "type": "string",
        "doc": "The agency's own reference; unique per agency."
       },
       {
        "name": "kind",
        "type": {
         "type": "enum",
         "name": "LegalKind",
         "doc": "Legal kind of the letter; the first four bring notice (eForvaltningsforskriften §8) and reservation (§9) with them.",
         "symbols": [
          "ENKELTVEDTAK",
          "FORHANDSVARSEL",
          "RETTSSTILLING",
          "SARLIG_BETYDNING",
          "INFORMATION",
          "UNKNOWN"
         ],
         "default": "UNKNOWN"
        },
        "doc": "Legal kind."
       },
       {
        "name": "recipient",
        "type": {
         "type": "bytes",
         "logicalType": "sealed-string"
        },
        "doc": "National identity number of the recipient, 11 digits."
       },
       {
        "name": "title",
        "type": {
         "type": "bytes",
         "logicalType": "sealed-string"
        },
        "doc": "Title; shown only after log-in at the letter's security level."
       },
       {
        "name": "nonSensitiveTitle",
        "type": {
         "type": "bytes",
         "logicalType": "sealed-string"
        },
        "doc": "Title without anything sensitive, used in notices."
       },
       {
        "name": "language",
        "type": "string",
        "doc": "ISO 639-1, two letters."
       },
       {
        "name": "securityLevel",
        "type": "int",
        "doc": "Log-in level the recipient needs: 3 or 4."
       },
       {
        "name": "documents",
        "type": {
         "type": "array",
         "items": {
          "type": "record",
          "name": "Document",
          "doc": "One document of the letter; the first is the main document.",
          "fields": [
           {
            "name": "title",
            "type": {
             "type": "bytes",
             "logicalType": "sealed-string"
            },
            "doc": "Title shown to the recipient after log-in."
           },
           {
            "name": "mediaType",
            "type": "string",
            "doc": "Media type, checked against the content."
           },
           {
            "name": "ref",
            "type": "string",
            "doc": "Claim check into the document store."
           },
           {
            "name": "size",
            "type": "long",
            "doc": "Size in bytes."
           },
           {
            "name": "sha256",
            "type": "bytes",
            "doc": "SHA-256 of the content."
           }
          ]
         }
        },
        "doc": "Main document first, then attachments in order."
       },
       {
        "name": "print",
        "type": [
         "null",
         {
          "type": "record",
          "name": "PrintOptions",
          "doc": "How the letter is printed, if it is.",
          "fields": [
           {
            "name": "colour",
            "type": {
             "type": "enum",
             "name": "Colour",
             "doc": "Black and white or colour.",
             "symbols": [
              "BLACK_WHITE",
              "COLOUR",
              "UNKNOWN"
             ],
             "default": "UNKNOWN"
            },
            "doc": "Colour of every sheet."
           },
           {
            "name": "postClass",
            "type": {
             "type": "enum",
             "name": "PostClass",
             "doc": "Class of post.",
             "symbols": [
              "A",
              "B",
              "UNKNOWN"
             ],
             "default": "UNKNOWN"
            },
            "doc": "A = priority, B = economy."
           },
           {
            "name": "returnAddress",
            "type": {
             "type": "record",
             "name": "ReturnAddress",
             "doc": "Where undeliverable post goes: the agency, never a person.",
             "fields": [
              {
               "name": "name",
               "type": "string",
               "doc": "Name of the agency or its unit."
              },
              {
               "name": "lines",
               "type": {
                "type": "array",
                "items": "string"
               },
               "doc": "One to four address lines."
              },
              {
               "name": "postalCode",
               "type": [
                "null",
                "string"
               ],
               "default": null,
               "doc": "Four digits; absent for an address abroad."
              },
              {
               "name": "city",
               "type": [
                "null",
                "string"
               ],
               "default": null,
               "doc": "Norwegian post town; absent for an address abroad."
              },
              {
               "name": "countryCode",
               "type": [
                "null",
                "string"
               ],
               "default": null,
               "doc": "ISO 3166-1 alpha-2, only for an address abroad."
              }
             ]
            },
            "doc": "Return address."
           },
           {
            "name": "returnHandling",
            "type": {
             "type": "enum",
             "name": "ReturnHandling",
             "doc": "What is done with returned post.",
             "symbols": [
              "RETURN",
              "SHRED_WITH_MESSAGE",
              "UNKNOWN"
             ],
             "default": "UNKNOWN"
            },
            "doc": "Sent back, or shredded and reported."
           }
          ]
         }
        ],
        "default": null,
        "doc": "Print options; without them the letter cannot go on paper."
       },
       {
        "name": "notice",
        "type": [
         "null",
         {
          "type": "record",
          "name": "Notice",
          "doc": "How the recipient is told about the letter.",
          "fields": [
           {
            "name": "emailText",
            "type": [
             "null",
             {
              "type": "bytes",
              "logicalType": "sealed-string"
             }
            ],
            "default": null,
            "doc": "Text of the mailbox provider's e-mail notice, at most 500 characters."
           },
           {
            "name": "smsText",
            "type": [
             "null",
             {
              "type": "bytes",
              "logicalType": "sealed-string"
             }
            ],
            "default": null,
            "doc": "Text of the mailbox provider's SMS notice, at most 160 characters."
           },
           {
            "name": "serviceMessage",
            "type": "boolean",
            "doc": "An e-mail service message from Postgang, without legal effect; only with kind INFORMATION.",
            "default": false
           }
          ]
         }
        ],
        "default": null,
        "doc": "Notices ordered by the sender."
       },
       {
        "name": "openingReceipt",
        "type": "boolean",
        "doc": "The sender wants to know when the letter is opened.",
        "default": false
       },
       {
        "name": "effectiveAt",
        "type": [
         "null",
         {
          "type": "long",
          "logicalType": "timestamp-millis"
         }
        ],
        "default": null,
        "doc": "Not visible to the recipient before this time."
       },
       {
        "name": "avsenderidentifikator",
        "type": [
         "null",
         "string"
        ],
        "default": null,
        "doc": "The sender's unit as registered at the mailboxes."
       },
       {
        "name": "invoiceReference",
        "type": [
         "null",
         "string"
        ],
        "default": null,
        "doc": "Put on the provider's invoice, at most 40 characters."
       },
       {
        "name": "caseReference",
        "type": [
         "null",
         "string"
        ],
        "default": null,
        "doc": "The sender's case, only carried along."
       },
       {
        "name": "contentHash",
        "type": "bytes",
        "doc": "SHA-256 over the fields that make the letter what it is; version in the first byte."
       },
       {
        "name": "door",
        "type": {
         "type": "enum",
         "name": "Door",
         "doc": "Where the letter was handed in.",
         "symbols": [
          "REST",
          "KAFKA",
          "UNKNOWN"
         ],
         "default": "UNKNOWN"
        },
        "doc": "REST or the agency's ingress topic."
       },
       {
        "name": "acceptedAt",
        "type": {
         "type": "long",
         "logicalType": "timestamp-millis"
        },
        "doc": "When the letter was accepted."
       }
      ]
     },
     "doc": "The letter."
    },
    {
     "name": "commitments",
     "type": [
      "null",
      {
       "type": "record",
       "name": "Commitments",
       "doc": "Salted commitments (libs/evidence) that the history keeps: they tell nothing, and bind to what was handed in. The salts are not here.",
       "fields": [
        {
         "name": "recipient",
         "type": "bytes",
         "doc": "SHA-256(salt, national identity number of the recipient)."
        },
        {
         "name": "documents",
         "type": "bytes",
         "doc": "SHA-256(salt, JSON list of the documents' SHA-256, hexadecimal, main document first)."
        }
       ]
      }
     ],
     "default": null,
     "doc": "Absent in letters accepted before there were any."
    }
   ]
  }
 ],
 "letter.dispatch.v1": [
  {
   "type": "record",
   "name": "LetterDispatch",
   "namespace": "no.postgang",
   "doc": "A sealed package ready for its provider. Sealed strings are sealed in scope \"provider:<provider>\".",
   "fields": [
    {
     "name": "letterId",
     "type": {
      "type": "string",
      "logicalType": "uuid"
     },
     "doc": "The letter."
    },
    {
     "name": "leg",
     "type": "int",
     "doc": "Number of the leg, from 1."
    },
    {
     "name": "sender",
     "type": "string",
     "doc": "Organisation number of the agency the letter is from."
    },
    {
     "name": "reference",
     "type": "string",
     "doc": "The agency's own reference."
    },
    {
     "name": "provider",
     "type": "string",
     "doc": "Who carries the leg."
    },
    {
     "name": "providerOrganisation",
     "type": "string",
     "doc": "Organisation number of the provider."
    },
    {
     "name": "channel",
     "type": {
      "type": "enum",
      "name": "Channel",
      "doc": "How the letter travels.",
      "symbols": [
       "DIGITAL_MAILBOX",
       "PRINT",
       "UNKNOWN"
      ],
      "default": "UNKNOWN"
     },
     "doc": "Channel."
    },
    {
     "name": "kind",
     "type": {
      "type": "enum",
      "name": "LegalKind",
      "doc": "Legal kind of the letter; the first four bring notice (eForvaltningsforskriften §8) and reservation (§9) with them.",
      "symbols": [
       "ENKELTVEDTAK",
       "FORHANDSVARSEL",
       "RETTSSTILLING",
       "SARLIG_BETYDNING",
       "INFORMATION",
       "UNKNOWN"
      ],
      "default": "UNKNOWN"
     },
     "doc": "Legal kind."
    },
    {
     "name": "conversationId",
     "type": {
      "type": "string",
      "logicalType": "uuid"
     },
     "doc": "uuidv5(letterId, leg): the only link between a letter and its receipts."
    },
    {
     "name": "messageId",
     "type": {
      "type": "string",
      "logicalType": "uuid"
     },
     "doc": "Instance identifier of the SBD, the same at every attempt."
    },
    {
     "name": "packageRef",
     "type": "string",
     "doc": "Claim check of the encrypted package (CMS) in the document store."
    },
    {
     "name": "packageSize",
     "type": "long",
     "doc": "Size of the encrypted package in bytes."
    },
    {
     "name": "packageDigest",
     "type": "string",
     "doc": "SHA-256 of the encrypted package, base64."
    },
    {
     "name": "avsenderidentifikator",
     "type": [
      "null",
      "string"
     ],
     "default": null,
     "doc": "The sender's unit."
    },
    {
     "name": "invoiceReference",
     "type": [
      "null",
      "string"
     ],
     "default": null,
     "doc": "For the provider's invoice."
    },
    {
     "name": "mailbox",
     "type": [
      "null",
      {
       "type": "record",
       "name": "MailboxDelivery",
       "doc": "What a digital mailbox needs.",
       "fields": [
        {
         "name": "address",
         "type": {
          "type": "bytes",
          "logicalType": "sealed-string"
         },
         "doc": "Mailbox address."
        },
        {
         "name": "nonSensitiveTitle",
         "type": {
          "type": "bytes",
          "logicalType": "sealed-string"
         },
         "doc": "Title used in notices."
        },
        {
         "name": "language",
         "type": "string",
         "doc": "ISO 639-1, two letters."
        },
        {
         "name": "securityLevel",
         "type": "int",
         "doc": "3 or 4."
        },
        {
         "name": "openingReceipt",
         "type": "boolean",
         "doc": "The sender wants to know when the letter is opened."
        },
        {
         "name": "effectiveAt",
         "type": [
          "null",
          {
           "type": "long",
           "logicalType": "timestamp-millis"
          }
         ],
         "default": null,
         "doc": "Not visible before this time."
        },
        {
         "name": "email",
         "type": [
          "null",
          {
           "type": "bytes",
           "logicalType": "sealed-string"
          }
         ],
         "default": null,
         "doc": "E-mail address for the notice; set together with emailText."
        },
        {
         "name": "emailText",
         "type": [
          "null",
          {
           "type": "bytes",
           "logicalType": "sealed-string"
          }
         ],
         "default": null,
         "doc": "Text of the e-mail notice."
        },
        {
         "name": "mobile",
         "type": [
          "null",
          {
           "type": "bytes",
           "logicalType": "sealed-string"
          }
         ],
         "default": null,
         "doc": "Mobile number for the notice; set together with smsText."
        },
        {
         "name": "smsText",
         "type": [
          "null",
          {
           "type": "bytes",
           "logicalType": "sealed-string"
          }
         ],
         "default": null,
         "doc": "Text of the SMS notice."
        }
       ]
      }
     ],
     "default": null,
     "doc": "Set for DIGITAL_MAILBOX."
    },
    {
     "name": "postalAddress",
     "type": [
      "null",
      {
       "type": "bytes",
       "logicalType": "sealed-string"
      }
     ],
     "default": null,
     "doc": "Postal address as JSON, set for PRINT."
    },
    {
     "name": "print",
     "type": [
      "null",
      {
       "type": "record",
       "name": "PrintOptions",
       "doc": "How the letter is printed, if it is.",
       "fields": [
        {
         "name": "colour",
         "type": {
          "type": "enum",
          "name": "Colour",
          "doc": "Black and white or colour.",
          "symbols": [
           "BLACK_WHITE",
           "COLOUR",
           "UNKNOWN"
          ],
          "default": "UNKNOWN"
         },
         "doc": "Colour of every sheet."
        },
        {
         "name": "postClass",
         "type": {
          "type": "enum",
          "name": "PostClass",
          "doc": "Class of post.",
          "symbols": [
           "A",
           "B",
           "UNKNOWN"
          ],
          "default": "UNKNOWN"
         },
         "doc": "A = priority, B = economy."
        },
        {
         "name": "returnAddress",
         "type": {
          "type": "record",
          "name": "ReturnAddress",
          "doc": "Where undeliverable post goes: the agency, never a person.",
          "fields": [
           {
            "name": "name",
            "type": "string",
            "doc": "Name of the agency or its unit."
           },
           {
            "name": "lines",
            "type": {
             "type": "array",
             "items": "string"
            },
            "doc": "One to four address lines."
           },
           {
            "name": "postalCode",
            "type": [
             "null",
             "string"
            ],
            "default": null,
            "doc": "Four digits; absent for an address abroad."
           },
           {
            "name": "city",
            "type": [
             "null",
             "string"
            ],
            "default": null,
            "doc": "Norwegian post town; absent for an address abroad."
           },
           {
            "name": "countryCode",
            "type": [
             "null",
             "string"
            ],
            "default": null,
            "doc": "ISO 3166-1 alpha-2, only for an address abroad."
           }
          ]
         },
         "doc": "Return address."
        },
        {
         "name": "returnHandling",
         "type": {
          "type": "enum",
          "name": "ReturnHandling",
          "doc": "What is done with returned post.",
          "symbols": [
           "RETURN",
           "SHRED_WITH_MESSAGE",
           "UNKNOWN"
          ],
          "default": "UNKNOWN"
         },
         "doc": "Sent back, or shredded and reported."
        }
       ]
      }
     ],
     "default": null,
     "doc": "Set for PRINT."
    },
    {
     "name": "sealedAt",
     "type": {
      "type": "long",
      "logicalType": "timestamp-millis"
     },
     "doc": "When the package was sealed."
    }
   ]
  }
 ],
 "letter.dispatched.v1": [
  {
   "type": "record",
   "name": "LetterDispatched",
   "namespace": "no.postgang",
   "doc": "The provider has taken the leg over.",
   "fields": [
    {
     "name": "letterId",
     "type": {
      "type": "string",
      "logicalType": "uuid"
     },
     "doc": "The letter."
    },
    {
     "name": "leg",
     "type": "int",
     "doc": "Number of the leg."
    },
    {
     "name": "provider",
     "type": "string",
     "doc": "Who took it."
    },
    {
     "name": "conversationId",
     "type": {
      "type": "string",
      "logicalType": "uuid"
     },
     "doc": "Conversation of the leg."
    },
    {
     "name": "messageId",
     "type": {
      "type": "string",
      "logicalType": "uuid"
     },
     "doc": "Message id used."
    },
    {
     "name": "attempts",
     "type": "int",
     "doc": "Calls it took, from 1."
    },
    {
     "name": "settled",
     "type": "boolean",
     "doc": "The outcome was uncertain and was settled by asking the provider."
    },
    {
     "name": "handedOverAt",
     "type": {
      "type": "long",
      "logicalType": "timestamp-millis"
     },
     "doc": "When the provider took it, as far as we know."
    }
   ]
  },
  {
   "type": "record",
   "name": "LetterDispatched",
   "namespace": "no.postgang",
   "doc": "The provider has taken the leg over.",
   "fields": [
    {
     "name": "letterId",
     "type": {
      "type": "string",
      "logicalType": "uuid"
     },
     "doc": "The letter."
    },
    {
     "name": "leg",
     "type": "int",
     "doc": "Number of the leg."
    },
    {
     "name": "provider",
     "type": "string",
     "doc": "Who took it."
    },
    {
     "name": "conversationId",
     "type": {
      "type": "string",
      "logicalType": "uuid"
     },
     "doc": "Conversation of the leg."
    },
    {
     "name": "messageId",
     "type": {
      "type": "string",
      "logicalType": "uuid"
     },
     "doc": "Message id used."
    },
    {
     "name": "attempts",
     "type": "int",
     "doc": "Calls it took, from 1; 0 when it was taken before the database was restored from a backup, and is known by asking only."
    },
    {
     "name": "settled",
     "type": "boolean",
     "doc": "The outcome was uncertain and was settled by asking the provider, or by an operator."
    },
    {
     "name": "handedOverAt",
     "type": {
      "type": "long",
      "logicalType": "timestamp-millis"
     },
     "doc": "When the provider took it, as far as we know."
    },
    {
     "name": "operatorNote",
     "type": [
      "null",
      "string"
     ],
     "default": null,
     "doc": "Set where an operator settled the uncertain outcome by hand: the stable word for what was said. Who it was and how they know stays in the ledger. Records of older versions hold the operator's own words: they go no further."
    }
   ]
  }
 ],
 "letter.notify.v1": [
  {
   "type": "record",
   "name": "LetterNotify",
   "namespace": "no.postgang",
   "doc": "A service message is to be sent about a delivered letter.",
   "fields": [
    {
     "name": "letterId",
     "type": {
      "type": "string",
      "logicalType": "uuid"
     },
     "doc": "The letter."
    },
    {
     "name": "leg",
     "type": "int",
     "doc": "The leg that was delivered."
    },
    {
     "name": "sender",
     "type": "string",
     "doc": "The agency."
    },
    {
     "name": "senderName",
     "type": [
      "null",
      "string"
     ],
     "default": null,
     "doc": "The agency's name, for the text; absent when the letter does not carry it."
    },
    {
     "name": "reference",
     "type": "string",
     "doc": "The agency's own reference."
    },
    {
     "name": "recipient",
     "type": {
      "type": "bytes",
      "logicalType": "sealed-string"
     },
     "doc": "National identity number, scope \"internal\", field \"recipient\"."
    },
    {
     "name": "language",
     "type": "string",
     "doc": "The letter's language, used when the register knows none."
    },
    {
     "name": "orderedAt",
     "type": {
      "type": "long",
      "logicalType": "timestamp-millis"
     },
     "doc": "When it became due."
    }
   ]
  }
 ],
 "letter.redriven.v1": [
  {
   "type": "record",
   "name": "LetterRedriven",
   "namespace": "no.postgang",
   "doc": "A record about the letter lay among the dead letters, and an operator's plan to process it again came a step further. Belongs to the letter's history; changes no state.",
   "fields": [
    {
     "name": "letterId",
     "type": {
      "type": "string",
      "logicalType": "uuid"
     },
     "doc": "The letter."
    },
    {
     "name": "plan",
     "type": {
      "type": "string",
      "logicalType": "uuid"
     },
     "doc": "The plan."
    },
    {
     "name": "step",
     "type": {
      "type": "enum",
      "name": "RedriveStep",
      "doc": "Planned, released by a second person, sent to the service again, left out because the world had changed, or given up with its plan.",
      "symbols": [
       "PLANNED",
       "RELEASED",
       "SENT",
       "SUPPRESSED",
       "CANCELLED",
       "UNKNOWN"
      ],
      "default": "UNKNOWN"
     },
     "doc": "What happened."
    },
    {
     "name": "service",
     "type": "string",
     "doc": "The service whose dead letter it is."
    },
    {
     "name": "originTopic",
     "type": "string",
     "doc": "The topic the record was first published to."
    },
    {
     "name": "recordId",
     "type": {
      "type": "string",
      "logicalType": "uuid"
     },
     "doc": "Id of the event in the dead letter: the same when it is sent again."
    },
    {
     "name": "reason",
     "type": [
      "null",
      "string"
     ],
     "default": null,
     "doc": "Why it was left out; stable, kebab-case."
    },
    {
     "name": "operator",
     "type": "string",
     "doc": "Empty: whose step it was stands in the plan. Records of older versions hold the operator's id: it goes no further."
    },
    {
     "name": "at",
     "type": {
      "type": "long",
      "logicalType": "timestamp-millis"
     },
     "doc": "When."
    }
   ]
  }
 ],
 "letter.refused.v1": [
  {
   "type": "record",
   "name": "LetterRefused",
   "namespace": "no.postgang",
   "doc": "A rule or a provider says no: news for the sender. A refused hand-in never touches a letter.",
   "fields": [
    {
     "name": "about",
     "type": {
      "type": "enum",
      "name": "RefusedWhat",
      "doc": "What was refused.",
      "symbols": [
       "HAND_IN",
       "LETTER",
       "LEG",
       "UNKNOWN"
      ],
      "default": "UNKNOWN"
     },
     "doc": "A hand-in, the letter, or one leg of it."
    },
    {
     "name": "letterId",
     "type": {
      "type": "string",
      "logicalType": "uuid"
     },
     "doc": "The letter; for a hand-in the id its reference would give."
    },
    {
     "name": "sender",
     "type": "string",
     "doc": "The agency."
    },
    {
     "name": "reference",
     "type": "string",
     "doc": "The agency's own reference."
    },
    {
     "name": "leg",
     "type": [
      "null",
      "int"
     ],
     "default": null,
     "doc": "Set when a leg was refused."
    },
    {
     "name": "reason",
     "type": "string",
     "doc": "Stable reason, kebab-case."
    },
    {
     "name": "detail",
     "type": "string",
     "doc": "One sentence for a person; nothing personal in it."
    },
    {
     "name": "pointer",
     "type": [
      "null",
      "string"
     ],
     "default": null,
     "doc": "JSON pointer to the field at fault (RFC 6901)."
    },
    {
     "name": "stage",
     "type": "string",
     "doc": "The service that refused."
    },
    {
     "name": "refusedAt",
     "type": {
      "type": "long",
      "logicalType": "timestamp-millis"
     },
     "doc": "When."
    }
   ]
  }
 ],
 "letter.routed.v1": [
  {
   "type": "record",
   "name": "LetterRouted",
   "namespace": "no.postgang",
   "doc": "Channel and provider chosen for one leg. Sealed strings are sealed in scope \"internal\".",
   "fields": [
    {
     "name": "letter",
     "type": {
      "type": "record",
      "name": "Letter",
      "doc": "An accepted letter. Sealed strings are sealed in scope \"internal\".",
      "fields": [
       {
        "name": "letterId",
        "type": {
         "type": "string",
         "logicalType": "uuid"
        },
        "doc": "uuidv5(namespace, sender/reference)."
       },
       {
        "name": "sender",
        "type": "string",
        "doc": "Organisation number of the agency the letter is from."
       },
       {
        "name": "senderName",
        "type": [
         "null",
         "string"
        ],
        "default": null,
        "doc": "The agency's name as it was registered with us when the letter was accepted; absent in older letters."
       },
       {
        "name": "supplier",
        "type": [
         "null",
         "string"
        ],
        "default": null,
        "doc": "Organisation number of who handed it in for the agency."
       },
       {
        "name": "reference",
        "type": "string",
        "doc": "The agency's own reference; unique per agency."
       },
       {
        "name": "kind",
        "type": {
         "type": "enum",
         "name": "LegalKind",
         "doc": "Legal kind of the letter; the first four bring notice (eForvaltningsforskriften §8) and reservation (§9) with them.",
         "symbols": [
          "ENKELTVEDTAK",
          "FORHANDSVARSEL",
          "RETTSSTILLING",
          "SARLIG_BETYDNING",
          "INFORMATION",
          "UNKNOWN"
         ],
         "default": "UNKNOWN"
        },
        "doc": "Legal kind."
       },
       {
        "name": "recipient",
        "type": {
         "type": "bytes",
         "logicalType": "sealed-string"
        },
        "doc": "National identity number of the recipient, 11 digits."
       },
       {
        "name": "title",
        "type": {
         "type": "bytes",
         "logicalType": "sealed-string"
        },
        "doc": "Title; shown only after log-in at the letter's security level."
       },
       {
        "name": "nonSensitiveTitle",
        "type": {
         "type": "bytes",
         "logicalType": "sealed-string"
        },
        "doc": "Title without anything sensitive, used in notices."
       },
       {
        "name": "language",
        "type": "string",
        "doc": "ISO 639-1, two letters."
       },
       {
        "name": "securityLevel",
        "type": "int",
        "doc": "Log-in level the recipient needs: 3 or 4."
       },
       {
        "name": "documents",
        "type": {
         "type": "array",
         "items": {
          "type": "record",
          "name": "Document",
          "doc": "One document of the letter; the first is the main document.",
          "fields": [
           {
            "name": "title",
            "type": {
             "type": "bytes",
             "logicalType": "sealed-string"
            },
            "doc": "Title shown to the recipient after log-in."
           },
           {
            "name": "mediaType",
            "type": "string",
            "doc": "Media type, checked against the content."
           },
           {
            "name": "ref",
            "type": "string",
            "doc": "Claim check into the document store."
           },
           {
            "name": "size",
            "type": "long",
            "doc": "Size in bytes."
           },
           {
            "name": "sha256",
            "type": "bytes",
            "doc": "SHA-256 of the content."
           }
          ]
         }
        },
        "doc": "Main document first, then attachments in order."
       },
       {
        "name": "print",
        "type": [
         "null",
         {
          "type": "record",
          "name": "PrintOptions",
          "doc": "How the letter is printed, if it is.",
          "fields": [
           {
            "name": "colour",
            "type": {
             "type": "enum",
             "name": "Colour",
             "doc": "Black and white or colour.",
             "symbols": [
              "BLACK_WHITE",
              "COLOUR",
              "UNKNOWN"
             ],
             "default": "UNKNOWN"
            },
            "doc": "Colour of every sheet."
           },
           {
            "name": "postClass",
            "type": {
             "type": "enum",
             "name": "PostClass",
             "doc": "Class of post.",
             "symbols": [
              "A",
              "B",
              "UNKNOWN"
             ],
             "default": "UNKNOWN"
            },
            "doc": "A = priority, B = economy."
           },
           {
            "name": "returnAddress",
            "type": {
             "type": "record",
             "name": "ReturnAddress",
             "doc": "Where undeliverable post goes: the agency, never a person.",
             "fields": [
              {
               "name": "name",
               "type": "string",
               "doc": "Name of the agency or its unit."
              },
              {
               "name": "lines",
               "type": {
                "type": "array",
                "items": "string"
               },
               "doc": "One to four address lines."
              },
              {
               "name": "postalCode",
               "type": [
                "null",
                "string"
               ],
               "default": null,
               "doc": "Four digits; absent for an address abroad."
              },
              {
               "name": "city",
               "type": [
                "null",
                "string"
               ],
               "default": null,
               "doc": "Norwegian post town; absent for an address abroad."
              },
              {
               "name": "countryCode",
               "type": [
                "null",
                "string"
               ],
               "default": null,
               "doc": "ISO 3166-1 alpha-2, only for an address abroad."
              }
             ]
            },
            "doc": "Return address."
           },
           {
            "name": "returnHandling",
            "type": {
             "type": "enum",
             "name": "ReturnHandling",
             "doc": "What is done with returned post.",
             "symbols": [
              "RETURN",
              "SHRED_WITH_MESSAGE",
              "UNKNOWN"
             ],
             "default": "UNKNOWN"
            },
            "doc": "Sent back, or shredded and reported."
           }
          ]
         }
        ],
        "default": null,
        "doc": "Print options; without them the letter cannot go on paper."
       },
       {
        "name": "notice",
        "type": [
         "null",
         {
          "type": "record",
          "name": "Notice",
          "doc": "How the recipient is told about the letter.",
          "fields": [
           {
            "name": "emailText",
            "type": [
             "null",
             {
              "type": "bytes",
              "logicalType": "sealed-string"
             }
            ],
            "default": null,
            "doc": "Text of the mailbox provider's e-mail notice, at most 500 characters."
           },
           {
            "name": "smsText",
            "type": [
             "null",
             {
              "type": "bytes",
              "logicalType": "sealed-string"
             }
            ],
            "default": null,
            "doc": "Text of the mailbox provider's SMS notice, at most 160 characters."
           },
           {
            "name": "serviceMessage",
            "type": "boolean",
            "doc": "An e-mail service message from Postgang, without legal effect; only with kind INFORMATION.",
            "default": false
           }
          ]
         }
        ],
        "default": null,
        "doc": "Notices ordered by the sender."
       },
       {
        "name": "openingReceipt",
        "type": "boolean",
        "doc": "The sender wants to know when the letter is opened.",
        "default": false
       },
       {
        "name": "effectiveAt",
        "type": [
         "null",
         {
          "type": "long",
          "logicalType": "timestamp-millis"
         }
        ],
        "default": null,
        "doc": "Not visible to the recipient before this time."
       },
       {
        "name": "avsenderidentifikator",
        "type": [
         "null",
         "string"
        ],
        "default": null,
        "doc": "The sender's unit as registered at the mailboxes."
       },
       {
        "name": "invoiceReference",
        "type": [
         "null",
         "string"
        ],
        "default": null,
        "doc": "Put on the provider's invoice, at most 40 characters."
       },
       {
        "name": "caseReference",
        "type": [
         "null",
         "string"
        ],
        "default": null,
        "doc": "The sender's case, only carried along."
       },
       {
        "name": "contentHash",
        "type": "bytes",
        "doc": "SHA-256 over the fields that make the letter what it is; version in the first byte."
       },
       {
        "name": "door",
        "type": {
         "type": "enum",
         "name": "Door",
         "doc": "Where the letter was handed in.",
         "symbols": [
          "REST",
          "KAFKA",
          "UNKNOWN"
         ],
         "default": "UNKNOWN"
        },
        "doc": "REST or the agency's ingress topic."
       },
       {
        "name": "acceptedAt",
        "type": {
         "type": "long",
         "logicalType": "timestamp-millis"
        },
        "doc": "When the letter was accepted."
       }
      ]
     },
     "doc": "The letter."
    },
    {
     "name": "leg",
     "type": "int",
     "doc": "Number of the leg, from 1."
    },
    {
     "name": "channel",
     "type": {
      "type": "enum",
      "name": "Channel",
      "doc": "How the letter travels.",
      "symbols": [
       "DIGITAL_MAILBOX",
       "PRINT",
       "UNKNOWN"
      ],
      "default": "UNKNOWN"
     },
     "doc": "Channel."
    },
    {
     "name": "provider",
     "type": "string",
     "doc": "Who carries the leg: digipost, eboks, print."
    },
    {
     "name": "providerOrganisation",
     "type": "string",
     "doc": "Organisation number of the provider: receiver of the SBD and the signer its receipts must have."
    },
    {
     "name": "rule",
     "type": "string",
     "doc": "The rule that chose, kebab-case."
    },
    {
     "name": "certificate",
     "type": "bytes",
     "doc": "X.509 certificate (DER) the package is encrypted for."
    },
    {
     "name": "mailbox",
     "type": [
      "null",
      {
       "type": "record",
       "name": "Mailbox",
       "doc": "Where in the mailbox provider.",
       "fields": [
        {
         "name": "address",
         "type": {
          "type": "bytes",
          "logicalType": "sealed-string"
         },
         "doc": "Mailbox address (postkasseadresse)."
        },
        {
         "name": "email",
         "type": [
          "null",
          {
           "type": "bytes",
           "logicalType": "sealed-string"
          }
         ],
         "default": null,
         "doc": "E-mail address that may be used for the notice."
        },
        {
         "name": "mobile",
         "type": [
          "null",
          {
           "type": "bytes",
           "logicalType": "sealed-string"
          }
         ],
         "default": null,
         "doc": "Mobile number that may be used for the notice."
        }
       ]
      }
     ],
     "default": null,
     "doc": "Set for DIGITAL_MAILBOX."
    },
    {
     "name": "postalAddress",
     "type": [
      "null",
      {
       "type": "bytes",
       "logicalType": "sealed-string"
      }
     ],
     "default": null,
     "doc": "Postal address as JSON, set for PRINT."
    },
    {
     "name": "routedAt",
     "type": {
      "type": "long",
      "logicalType": "timestamp-millis"
     },
     "doc": "When the route was chosen."
    }
   ]
  }
 ],
 "letter.status.v1": [
  {
   "type": "record",
   "name": "LetterStatusChanged",
   "namespace": "no.postgang",
   "doc": "The status of a letter, or that a hand-in was refused. Readers ignore a seq lower than one they have seen.",
   "fields": [
    {
     "name": "about",
     "type": {
      "type": "enum",
      "name": "StatusOf",
      "doc": "A letter, or a hand-in that became none.",
      "symbols": [
       "LETTER",
       "HAND_IN",
       "UNKNOWN"
      ],
      "default": "UNKNOWN"
     },
     "doc": "What this is about."
    },
    {
     "name": "letterId",
     "type": {
      "type": "string",
      "logicalType": "uuid"
     },
     "doc": "The letter; for a hand-in the id its reference would give."
    },
    {
     "name": "sender",
     "type": "string",
     "doc": "The agency."
    },
    {
     "name": "reference",
     "type": "string",
     "doc": "The agency's own reference."
    },
    {
     "name": "seq",
     "type": "int",
     "doc": "Grows with every change of the letter; 0 for a hand-in."
    },
    {
     "name": "status",
     "type": {
      "type": "enum",
      "name": "LetterStatus",
      "doc": "Status of a letter.",
      "symbols": [
       "ACCEPTED",
       "ROUTED",
       "SEALED",
       "HANDED_OVER",
       "DELIVERED",
       "OPENED",
       "RECEIVED_FOR_PRINT",
       "POSTED",
       "RETURNED",
       "REFUSED",
       "FAILED",
       "UNKNOWN"
      ],
      "default": "UNKNOWN"
     },
     "doc": "Status."
    },
    {
     "name": "leg",
     "type": [
      "null",
      "int"
     ],
     "default": null,
     "doc": "The leg the status comes from."
    },
    {
     "name": "channel",
     "type": [
      "null",
      "string"
     ],
     "default": null,
     "doc": "DIGITAL_MAILBOX or PRINT, once known."
    },
    {
     "name": "provider",
     "type": [
      "null",
      "string"
     ],
     "default": null,
     "doc": "Who carries it, once known."
    },
    {
     "name": "reason",
     "type": [
      "null",
      "string"
     ],
     "default": null,
     "doc": "Why, for REFUSED, FAILED and RETURNED; overdue where a provider is late with its next receipt, the status being unchanged."
    },
    {
     "name": "detail",
     "type": [
      "null",
      "string"
     ],
     "default": null,
     "doc": "One sentence for a person."
    },
    {
     "name": "pointer",
     "type": [
      "null",
      "string"
     ],
     "default": null,
     "doc": "JSON pointer to the field at fault, for a refused hand-in."
    },
    {
     "name": "at",
     "type": {
      "type": "long",
      "logicalType": "timestamp-millis"
     },
     "doc": "When the fact happened."
    }
   ]
  }
 ],
 "letter.submitted.v1": [
  {
   "type": "record",
   "name": "LetterSubmitted",
   "namespace": "no.postgang",
   "doc": "An agency hands in a letter on its own ingress topic. Sealed strings are sealed in scope \"agency:<orgnr>\" with the letter id that the reference gives; documents were uploaded with PUT /v1/documents.",
   "fields": [
    {
     "name": "reference",
     "type": "string",
     "doc": "The agency's own reference; the same reference is the same letter."
    },
    {
     "name": "kind",
     "type": {
      "type": "enum",
      "name": "LegalKind",
      "doc": "Legal kind of the letter; the first four bring notice (eForvaltningsforskriften §8) and reservation (§9) with them.",
      "symbols": [
       "ENKELTVEDTAK",
       "FORHANDSVARSEL",
       "RETTSSTILLING",
       "SARLIG_BETYDNING",
       "INFORMATION",
       "UNKNOWN"
      ],
      "default": "UNKNOWN"
     },
     "doc": "Legal kind."
    },
    {
     "name": "recipient",
     "type": {
      "type": "bytes",
      "logicalType": "sealed-string"
     },
     "doc": "National identity number of the recipient, 11 digits."
    },
    {
     "name": "title",
     "type": {
      "type": "bytes",
      "logicalType": "sealed-string"
     },
     "doc": "Title; shown only after log-in at the letter's security level."
    },
    {
     "name": "nonSensitiveTitle",
     "type": {
      "type": "bytes",
      "logicalType": "sealed-string"
     },
     "doc": "Title without anything sensitive, used in notices."
    },
    {
     "name": "language",
     "type": "string",
     "doc": "ISO 639-1, two letters."
    },
    {
     "name": "securityLevel",
     "type": "int",
     "doc": "Log-in level the recipient needs: 3 or 4."
    },
    {
     "name": "documents",
     "type": {
      "type": "array",
      "items": {
       "type": "record",
       "name": "UploadedDocument",
       "doc": "An uploaded document; the first is the main document.",
       "fields": [
        {
         "name": "title",
         "type": {
          "type": "bytes",
          "logicalType": "sealed-string"
         },
         "doc": "Title shown to the recipient after log-in."
        },
        {
         "name": "documentId",
         "type": {
          "type": "string",
          "logicalType": "uuid"
         },
         "doc": "Id that PUT /v1/documents was called with."
        }
       ]
      }
     },
     "doc": "Main document first, then attachments in order."
    },
    {
     "name": "print",
     "type": [
      "null",
      {
       "type": "record",
       "name": "PrintOptions",
       "doc": "How the letter is printed, if it is.",
       "fields": [
        {
         "name": "colour",
         "type": {
          "type": "enum",
          "name": "Colour",
          "doc": "Black and white or colour.",
          "symbols": [
           "BLACK_WHITE",
           "COLOUR",
           "UNKNOWN"
          ],
          "default": "UNKNOWN"
         },
         "doc": "Colour of every sheet."
        },
        {
         "name": "postClass",
         "type": {
          "type": "enum",
          "name": "PostClass",
          "doc": "Class of post.",
          "symbols": [
           "A",
           "B",
           "UNKNOWN"
          ],
          "default": "UNKNOWN"
         },
         "doc": "A = priority, B = economy."
        },
        {
         "name": "returnAddress",
         "type": {
          "type": "record",
          "name": "ReturnAddress",
          "doc": "Where undeliverable post goes: the agency, never a person.",
          "fields": [
           {
            "name": "name",
            "type": "string",
            "doc": "Name of the agency or its unit."
           },
           {
            "name": "lines",
            "type": {
             "type": "array",
             "items": "string"
            },
            "doc": "One to four address lines."
           },
           {
            "name": "postalCode",
            "type": [
             "null",
             "string"
            ],
            "default": null,
            "doc": "Four digits; absent for an address abroad."
           },
           {
            "name": "city",
            "type": [
             "null",
             "string"
            ],
            "default": null,
            "doc": "Norwegian post town; absent for an address abroad."
           },
           {
            "name": "countryCode",
            "type": [
             "null",
             "string"
            ],
            "default": null,
            "doc": "ISO 3166-1 alpha-2, only for an address abroad."
           }
          ]
         },
         "doc": "Return address."
        },
        {
         "name": "returnHandling",
         "type": {
          "type": "enum",
          "name": "ReturnHandling",
          "doc": "What is done with returned post.",
          "symbols": [
           "RETURN",
           "SHRED_WITH_MESSAGE",
           "UNKNOWN"
          ],
          "default": "UNKNOWN"
         },
         "doc": "Sent back, or shredded and reported."
        }
       ]
      }
     ],
     "default": null,
     "doc": "Print options; without them the letter cannot go on paper."
    },
    {
     "name": "notice",
     "type": [
      "null",
      {
       "type": "record",
       "name": "Notice",
       "doc": "How the recipient is told about the letter.",
       "fields": [
        {
         "name": "emailText",
         "type": [
          "null",
          {
           "type": "bytes",
           "logicalType": "sealed-string"
          }
         ],
         "default": null,
         "doc": "Text of the mailbox provider's e-mail notice, at most 500 characters."
        },
        {
         "name": "smsText",
         "type": [
          "null",
          {
           "type": "bytes",
           "logicalType": "sealed-string"
          }
         ],
         "default": null,
         "doc": "Text of the mailbox provider's SMS notice, at most 160 characters."
        },
        {
         "name": "serviceMessage",
         "type": "boolean",
         "doc": "An e-mail service message from Postgang, without legal effect; only with kind INFORMATION.",
         "default": false
        }
       ]
      }
     ],
     "default": null,
     "doc": "Notices ordered by the sender."
    },
    {
     "name": "openingReceipt",
     "type": "boolean",
     "doc": "The sender wants to know when the letter is opened.",
     "default": false
    },
    {
     "name": "effectiveAt",
     "type": [
      "null",
      {
       "type": "long",
       "logicalType": "timestamp-millis"
      }
     ],
     "default": null,
     "doc": "Not visible to the recipient before this time."
    },
    {
     "name": "avsenderidentifikator",
     "type": [
      "null",
      "string"
     ],
     "default": null,
     "doc": "The sender's unit as registered at the mailboxes."
    },
    {
     "name": "invoiceReference",
     "type": [
      "null",
      "string"
     ],
     "default": null,
     "doc": "Put on the provider's invoice, at most 40 characters."
    },
    {
     "name": "caseReference",
     "type": [
      "null",
      "string"
     ],
     "default": null,
     "doc": "The sender's case, only carried along."
    }
   ]
  }
 ],
 "receipt.received.v1": [
  {
   "type": "record",
   "name": "ReceiptReceived",
   "namespace": "no.postgang",
   "doc": "A raw receipt as it was fetched, not yet verified; or the report of an outside adapter. Exactly one of raw and report is set.",
   "fields": [
    {
     "name": "provider",
     "type": "string",
     "doc": "Whose topic this is; proves nothing about the signer."
    },
    {
     "name": "conversationId",
     "type": [
      "null",
      {
       "type": "string",
       "logicalType": "uuid"
      }
     ],
     "default": null,
     "doc": "Conversation the receipt claims to belong to, unverified."
    },
    {
     "name": "raw",
     "type": [
      "null",
      "string"
     ],
     "default": null,
     "doc": "The signed receipt, byte for byte (compact JWS)."
    },
    {
     "name": "report",
     "type": [
      "null",
      {
       "type": "record",
       "name": "AdapterReport",
       "doc": "What an outside adapter says about a leg.",
       "fields": [
        {
         "name": "letterId",
         "type": {
          "type": "string",
          "logicalType": "uuid"
         },
         "doc": "The letter."
        },
        {
         "name": "leg",
         "type": "int",
         "doc": "Number of the leg."
        },
        {
         "name": "outcome",
         "type": {
          "type": "enum",
          "name": "AdapterOutcome",
          "doc": "What became of the hand-over.",
          "symbols": [
           "TAKEN",
           "REFUSED",
           "UNKNOWN"
          ],
          "default": "UNKNOWN"
         },
         "doc": "Taken over or refused."
        },
        {
         "name": "reason",
         "type": [
          "null",
          "string"
         ],
         "default": null,
         "doc": "Why it was refused: kebab-case class, nothing personal."
        }
       ]
      }
     ],
     "default": null,
     "doc": "Report of an outside adapter."
    },
    {
     "name": "receivedAt",
     "type": {
      "type": "long",
      "logicalType": "timestamp-millis"
     },
     "doc": "When it was fetched."
    }
   ]
  },
  {
   "type": "record",
   "name": "ReceiptReceived",
   "namespace": "no.postgang",
   "doc": "A raw receipt as it was fetched, not yet verified; or the report of an outside adapter; or how far the provider has been asked. Exactly one of raw, report and pulledUntil is set.",
   "fields": [
    {
     "name": "provider",
     "type": "string",
     "doc": "Whose topic this is; proves nothing about the signer."
    },
    {
     "name": "conversationId",
     "type": [
      "null",
      {
       "type": "string",
       "logicalType": "uuid"
      }
     ],
     "default": null,
     "doc": "Conversation the receipt claims to belong to, unverified."
    },
    {
     "name": "raw",
     "type": [
      "null",
      "string"
     ],
     "default": null,
     "doc": "The signed receipt, byte for byte (compact JWS)."
    },
    {
     "name": "report",
     "type": [
      "null",
      {
       "type": "record",
       "name": "AdapterReport",
       "doc": "What an outside adapter says about a leg.",
       "fields": [
        {
         "name": "letterId",
         "type": {
          "type": "string",
          "logicalType": "uuid"
         },
         "doc": "The letter."
        },
        {
         "name": "leg",
         "type": "int",
         "doc": "Number of the leg."
        },
        {
         "name": "outcome",
         "type": {
          "type": "enum",
          "name": "AdapterOutcome",
          "doc": "What became of the hand-over.",
          "symbols": [
           "TAKEN",
           "REFUSED",
           "UNKNOWN"
          ],
          "default": "UNKNOWN"
         },
         "doc": "Taken over or refused."
        },
        {
         "name": "reason",
         "type": [
          "null",
          "string"
         ],
         "default": null,
         "doc": "Why it was refused: kebab-case class, nothing personal."
        }
       ]
      }
     ],
     "default": null,
     "doc": "Report of an outside adapter."
    },
    {
     "name": "receivedAt",
     "type": {
      "type": "long",
      "logicalType": "timestamp-millis"
     },
     "doc": "When it was fetched."
    },
    {
     "name": "pulledUntil",
     "type": [
      "null",
      {
       "type": "long",
       "logicalType": "timestamp-millis"
      }
     ],
     "default": null,
     "doc": "Everything the provider had to say before this moment has been published before this record."
    }
   ]
  }
 ],
 "recipient.notified.v1": [
  {
   "type": "record",
   "name": "RecipientNotified",
   "namespace": "no.postgang",
   "doc": "What became of a service message.",
   "fields": [
    {
     "name": "letterId",
     "type": {
      "type": "string",
      "logicalType": "uuid"
     },
     "doc": "The letter."
    },
    {
     "name": "leg",
     "type": "int",
     "doc": "The leg."
    },
    {
     "name": "medium",
     "type": {
      "type": "enum",
      "name": "Medium",
      "doc": "By what means.",
      "symbols": [
       "EMAIL",
       "UNKNOWN"
      ],
      "default": "UNKNOWN"
     },
     "doc": "Medium."
    },
    {
     "name": "outcome",
     "type": {
      "type": "enum",
      "name": "NotifyOutcome",
      "doc": "Sent; nothing to send to; refused by the mail server; or uncertain, which is never sent again.",
      "symbols": [
       "SENT",
       "NO_ADDRESS",
       "REFUSED",
       "UNCERTAIN",
       "UNKNOWN"
      ],
      "default": "UNKNOWN"
     },
     "doc": "Outcome."
    },
    {
     "name": "reason",
     "type": [
      "null",
      "string"
     ],
     "default": null,
     "doc": "Class of the reason, nothing personal."
    },
    {
     "name": "at",
     "type": {
      "type": "long",
      "logicalType": "timestamp-millis"
     },
     "doc": "When."
    }
   ]
  }
 ]
} as const;
