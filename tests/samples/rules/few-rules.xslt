<?xml version="1.0" encoding="UTF-8"?>
<!-- A few rules as compiled Schematron tells of them (SVRL), each in another way that rule sets have. -->
<xsl:stylesheet version="2.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
  xmlns:svrl="http://purl.oclc.org/dsdl/svrl"
  xmlns:ubl="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
  xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
  exclude-result-prefixes="ubl cbc">
  <xsl:template match="/ubl:Invoice">
    <xsl:if test="cbc:Note = 'stop'">
      <xsl:sequence select="error((), 'this is where a rule set stops')"/>
    </xsl:if>
    <svrl:schematron-output>
      <xsl:if test="not(normalize-space(cbc:ID))">
        <svrl:failed-assert id="BR-02" flag="fatal" location="/Invoice">
          <svrl:text>An invoice has a number.</svrl:text>
        </svrl:failed-assert>
      </xsl:if>
      <xsl:if test="not(normalize-space(cbc:DocumentCurrencyCode))">
        <svrl:successful-report role="ERROR" location="/Invoice">
          <svrl:text>[BR-05]-An invoice has a currency.</svrl:text>
        </svrl:successful-report>
      </xsl:if>
      <svrl:failed-assert id="BR-03" flag="warning" location="/Invoice">
        <svrl:text>A warning that every invoice gets.</svrl:text>
      </svrl:failed-assert>
      <svrl:failed-assert id="DE-R-001" flag="fatal" location="/Invoice">
        <svrl:text>A rule of another country, broken by every invoice.</svrl:text>
      </svrl:failed-assert>
    </svrl:schematron-output>
  </xsl:template>
</xsl:stylesheet>
